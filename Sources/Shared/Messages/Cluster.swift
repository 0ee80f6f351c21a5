/// Which cluster kube-watcher watches, and whose pods: a job carries both, so that those of
/// another cluster, or of another connector in the same cluster, are never taken for ours.
public struct Cluster: Codable, Sendable, Equatable {
  /// The UID of the namespace kube-system, or the name that the configuration gives.
  public var id: String
  /// The scheduler names whose pods are told; sorted.
  public var schedulerNames: [String]
  /// Whether volume claims are told. Where they are not, a claim that was not told may exist all
  /// the same.
  public var claims: Bool

  public init(id: String, schedulerNames: [String], claims: Bool = false) {
    self.id = id
    self.schedulerNames = schedulerNames
    self.claims = claims
  }
}
