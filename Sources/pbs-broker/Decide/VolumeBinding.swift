import Kubernetes
import Messages

/// Whether a pod's volumes are there on the node on which its job runs, and what follows where they are
/// not. (Kubernetes: pkg/scheduler/framework/plugins/volumebinding, PreBind.)
struct VolumeBinding: Sendable, Equatable {
  /// The job is of no use to the pod where it runs.
  struct Failure: Sendable, Equatable {
    /// "volume claim default/data: its provisioner has given up node1".
    var words: String
    /// The volume could not be made there: another try on the same node may end alike.
    var isOfNode = false
  }

  /// Claims that are to get the node.
  private(set) var selections: [ClaimReference] = []
  /// What the binding waits for, sorted.
  private(set) var waits: [String] = []
  private(set) var failure: Failure?

  /// Whether the pod can be bound.
  var isReady: Bool { waits.isEmpty && failure == nil }

  /// What was seen of a pod's claims while one job of it ran on one node.
  struct Wait: Sendable, Equatable {
    var job: String
    var node: String
    /// Monotonic seconds.
    var since: Double
    /// UIDs of the claims that had this node.
    var selected: Set<String> = []

    /// The same with what is seen now.
    func seeing(_ claims: some Sequence<VolumeClaim>) -> Wait {
      var wait = self
      for claim in claims where claim.selectedNode == node {
        if let uid = claim.uid { wait.selected.insert(uid) }
      }
      return wait
    }
  }

  /// - Parameters:
  ///   - pod: the pod that is to be bound.
  ///   - claims: all claims by "namespace/name".
  ///   - limit: seconds for which the job keeps its place.
  init(
    of pod: Pod, claims: [String: VolumeClaim], reach: ClaimReach, wait: Wait, limit: Double,
    now: Double
  ) {
    var failures: [Failure] = []
    for name in Set(pod.claimNames).sorted() {
      let fullName = "\(pod.metadata.namespace ?? "default")/\(name)"
      let words = "volume claim \(fullName)"
      guard let claim = claims[fullName] else {
        failures.append(Failure(words: "\(words) does not exist any more"))
        continue
      }
      let isReached = claim.reach == nil || reach.nodes[fullName]?.contains(wait.node) == true
      if claim.isTerminating == true {
        failures.append(Failure(words: "\(words) is being deleted"))
      } else if claim.isBound {
        if claim.volume == nil, let node = claim.selectedNode, node != wait.node {
          // Claims and volumes are heard of apart.
          waits.append("the volume of \(words), provisioned on \(node), to be known")
        }
        guard !isReached else { continue }
        failures.append(Failure(words: "\(words): its volume cannot be reached from \(wait.node)"))
      } else if let node = claim.selectedNode {
        waits.append("\(words) to be provisioned on \(node)")
        guard node != wait.node else { continue }
        failures.append(Failure(words: "\(words) is to be provisioned on \(node)"))
      } else if !claim.waitsForConsumer {
        waits.append("\(words) to be bound")
      } else if let uid = claim.uid, wait.selected.contains(uid) {
        // How a provisioner says that it cannot. (sig-storage-lib-external-provisioner, rescheduling.)
        failures.append(
          Failure(words: "\(words): its provisioner has given up \(wait.node)", isOfNode: true))
      } else if claim.isStatic || !isReached {
        failures.append(Failure(words: "\(words): its class does not provide for \(wait.node)"))
      } else {
        waits.append("\(words) to be provisioned on \(wait.node)")
        if let uid = claim.uid { selections.append(ClaimReference(uid: uid, name: name)) }
      }
    }
    failure = failures.first
    if failure == nil, !waits.isEmpty, now - wait.since >= limit {
      failure = Failure(
        words: "no volume within \(Int(limit)) s on \(wait.node): it waited for "
          + waits.joined(separator: ", "), isOfNode: true)
    }
    if failure != nil { selections = [] }
  }
}
