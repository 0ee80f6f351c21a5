/// Which cluster kube-watcher watches, and whose pods: a job carries both, so that those of
/// another cluster, or of another connector in the same cluster, are never taken for ours.
public struct Cluster: Codable, Sendable, Equatable {
  /// The UID of the namespace kube-system, or the name that the configuration gives.
  public var id: String
  /// The scheduler names whose pods are told; sorted.
  public var schedulerNames: [String]

  public init(id: String, schedulerNames: [String]) {
    self.id = id
    self.schedulerNames = schedulerNames
  }
}
