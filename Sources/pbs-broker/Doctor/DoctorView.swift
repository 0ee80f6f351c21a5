import FoundationEssentials
import Kubernetes
import Messages

/// What kube-watcher tells, as far as a doctor needs it.
struct DoctorView {
  private(set) var cluster: Cluster?
  private(set) var nodes: [String: Node] = [:]
  private(set) var uses: [String: NodeUse] = [:]
  /// What bound pods of our scheduler names hold that have no job, by node.
  private(set) var jobless: [String: Amounts] = [:]
  /// Seconds of grace of the pods that wait or run.
  private(set) var graces: [Int] = []

  mutating func enter(_ message: WatcherMessage) {
    switch message {
    case .cluster(let cluster): self.cluster = cluster
    case .node(let node, _): nodes[node.metadata.name] = node
    case .nodeUse(let use): uses[use.node] = use
    case .pod(let pod, _):
      guard !pod.isFinished else { return }
      graces.append(pod.spec.terminationGracePeriodSeconds ?? KillDelays.standardGrace)
      guard let node = pod.nodeName, pod.metadata.annotations?[WellKnown.jobID] == nil else {
        return
      }
      jobless[node, default: Amounts()] += Amounts(of: PodNeeds(pod.spec))
    case .podGone, .nodeGone, .claim, .claimGone, .unknown: break
    }
  }
}
