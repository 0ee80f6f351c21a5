import Messages

/// A job that runs where the pod's volumes are not, or not yet.
extension Reconciliation {
  /// Lets volumes be provisioned on the job's node before the pod is bound to it, and releases the job
  /// where nothing comes of that.
  static func provision(
    _ bind: BrokerMessage.Bind, _ situation: Situation, _ decision: inout Decision
  ) {
    guard let volumes = situation.volumes, !volumes.isReady else { return }
    if let failure = volumes.failure {
      decision.deletions.append(.init(job: bind.job, reason: failure.words))
      decision.unprovided = .init(job: bind.job, node: bind.node, failure: failure)
      decision.message = .report(
        report(bind.pod, bind.job, "job \(bind.job) is released: \(failure.words)"))
      return
    }
    decision.awaitedNode = bind.node
    decision.selections = volumes.selections.map {
      SelectNode(pod: bind.pod, claim: $0, node: bind.node, job: bind.job)
    }
    let trouble = situation.selectionTrouble
    decision.message = .report(
      .init(
        pod: bind.pod, job: bind.job, reason: "WaitingForVolumes",
        message: "job \(bind.job) runs on \(bind.node), and waits for "
          + volumes.waits.joined(separator: ", ") + (trouble.map { " (\($0))" } ?? ""),
        warning: trouble != nil, unscheduled: true))
  }
}
