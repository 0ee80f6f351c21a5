import Kubernetes
import Messages

/// A pod that its kubelet has rejected.
extension Reconciliation {
  /// Releases the jobs of a pod that has finished, and tells what to change where its kubelet never
  /// took it.
  static func telling(
    of rejection: String?, _ reference: PodReference, _ situation: Situation
  ) -> Decision {
    var decision = releasing(situation.jobs, "its pod has finished")
    if let rejection {
      decision.message = .report(
        .init(
          pod: reference, job: nil, reason: "RejectedByKubelet", message: rejection, warning: true,
          unscheduled: false))
    }
    return decision
  }
}

extension Pod {
  /// What PBS calls the resources that kubelets lack most.
  private static let counterparts = ["cpu": "ncpus", "memory": "mem"]

  /// What is told of its rejection by a kubelet, and what an administrator can change; nil where there
  /// was none.
  var rejectionWords: String? {
    guard let rejection, let nodeName else { return nil }
    let words =
      "the kubelet of \(nodeName) rejected the pod (\(rejection.reason)), so that it never ran"
    guard let lacked = rejection.lacked else { return words }
    if lacked == "pods" {
      return
        "\(words): more jobs run on that host than kubelet takes pods; its maxPods, or what PBS has of the host (pbsnodes \(nodeName)), is to be changed"
    }
    let name = Self.counterparts[lacked] ?? "of what stands for \(lacked)"
    return
      "\(words): PBS has more \(name) on that host than its node has for pods; resources_available is to be lowered there (pbsnodes \(nodeName), kubectl describe node \(nodeName))"
  }
}
