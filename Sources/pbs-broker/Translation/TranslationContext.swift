import Kubernetes
import Messages

/// All that translating a pod needs to know beside the pod.
struct TranslationContext: Sendable {
  var policy = TranslationPolicy()
  /// The cluster's identity, for the job's environment; nil while it is not known.
  var cluster: String?
  var hostMap = HostMap()
  /// Volume claims by "namespace/name"; nil where nobody tells of claims: none is waited for.
  var claims: [String: VolumeClaim]?
  /// From which nodes their volumes can be reached.
  var claimReach = ClaimReach()
  /// Who uses claims now.
  var claimUsers = ClaimUsers()
  /// The pods of its namespace that the pod names in ``OptionKey/depend``, by name; those that are
  /// not here do not exist.
  var namedPods: [String: PodFate] = [:]
  /// PBS's server by its name in jobs' ids, of whose jobs a pod may depend; empty while it is not
  /// known, nil where that does not matter.
  var server: String?
  /// The taints of nodes.
  var taints = HostTaints()
  /// Nodes on which the pod's job is not to run if others are left.
  var avoidedNodes: Set<String> = []
}

/// Which pods of ours use a volume claim: those that are bound, have a job or are about to get
/// one, and have not ended.
struct ClaimUsers: Sendable, Equatable {
  /// By claim ("namespace/name") and pod UID, the pods.
  private var users: [String: [String: PodReference]] = [:]
  private var claims: [String: Set<String>] = [:]

  init() {}

  /// Takes in whether a pod uses its claims now.
  /// - Returns: the claims that it uses no more.
  @discardableResult
  mutating func set(_ pod: Pod, uses: Bool) -> Set<String> {
    guard let reference = PodReference(pod) else { return [] }
    guard uses else { return remove(reference.uid) }
    // What a pod uses never changes.
    guard claims[reference.uid] == nil, !pod.claimNames.isEmpty else { return [] }
    let names = Set(pod.claimNames.map { "\(reference.namespace)/\($0)" })
    claims[reference.uid] = names
    for name in names { users[name, default: [:]][reference.uid] = reference }
    return []
  }

  /// The pod uses nothing any more.
  /// - Returns: the claims that it has used.
  @discardableResult
  mutating func remove(_ uid: String) -> Set<String> {
    let names = claims.removeValue(forKey: uid) ?? []
    for name in names {
      users[name]?[uid] = nil
      if users[name]?.isEmpty == true { users[name] = nil }
    }
    return names
  }

  /// The pods, other than this one, that use a claim; sorted by name.
  func others(than uid: String?, of claim: String) -> [PodReference] {
    (users[claim] ?? [:]).values.filter { $0.uid != uid }.sorted { $0.fullName < $1.fullName }
  }
}
