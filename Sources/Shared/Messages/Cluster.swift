/// Which cluster kube-watcher watches, and whose pods: a job carries both, so that those of
/// another cluster, or of another connector in the same cluster, are never taken for ours.
public struct Cluster: Codable, Sendable, Equatable {
  /// The UID of the namespace kube-system, or the name that the configuration gives; see
  /// ``isID(_:)``.
  public var id: String
  /// The scheduler names whose pods are told; sorted.
  public var schedulerNames: [String]
  /// Whether volume claims are told. Where they are not, a claim that was not told may exist all
  /// the same.
  public var claims: Bool

  /// Whether it is told what pods that are not ours hold of nodes; nil from a kube-watcher of an
  /// older release, which does not know of that.
  public var nodeUse: Bool?

  public init(
    id: String, schedulerNames: [String], claims: Bool = false, nodeUse: Bool? = nil
  ) {
    self.nodeUse = nodeUse
    self.id = id
    self.schedulerNames = schedulerNames
    self.claims = claims
  }

  /// Whether a text can stand for a cluster wherever it goes, a job's variables among them: 1 to 63
  /// letters, digits, '.', '_' and '-'.
  public static func isID(_ text: String) -> Bool {
    (1...63).contains(text.utf8.count)
      && text.utf8.allSatisfy { octet in
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "._-".utf8.contains(octet)
        }
      }
  }
}
