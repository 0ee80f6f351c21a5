@testable import Runtime
@testable import pbs_broker

/// What must be after a while of peace.
extension Judge {
  /// Seconds without any trouble after which all must be as it should be: longer than the longest
  /// waits between tries.
  static let settling = 900.0
  /// Seconds within which a qdel that PBS has taken is repeated when the job is still there.
  private static let leaving = 700.0

  /// Seconds within which what should be follows then: a poll, a second one where one alone is not
  /// believed, and the waits of processes for each other.
  private var soon: Double { 30 + 2 * run.longestLookInterval }

  func lookIfCalm() {
    guard run.trouble.calm > Self.settling else { return }
    for pod in run.api.pods.values.sorted(by: { $0.number < $1.number }) { look(at: pod) }
    for entry in run.pbs.live where !entry.isEnding {
      guard let uid = entry.job.pod?.uid, let ended = endedAt[uid], now - ended > Self.leaving
      else { continue }
      wrong("job \(entry.job.id) is left behind by its pod")
    }
  }

  private func look(at pod: SimulatedPod) {
    guard !pod.isFinished, !pod.isTerminating else { return }
    let jobs = run.pbs.live(of: pod.uid).filter { !$0.isEnding }
    if jobs.count > 1 { wrong("\(pod.name) has \(jobs.count) jobs") }
    if pod.node != nil {
      // What its user has written over, nobody can look for.
      if jobs.isEmpty, !pod.isTampered { wrong("\(pod.name) runs, and its job has ended") }
      return
    }
    guard let created = createdAt[pod.uid], now - created > soon else { return }
    guard let entry = jobs.first else { return wrong("\(pod.name) waits, and has no job") }
    if entry.job.isRunning, let since = entry.runsSince, now - since > soon {
      wrong("\(pod.name) is not bound, and job \(entry.job.id) runs")
    }
    guard entry.job.isWaiting, now - entry.submittedAt > soon else { return }
    lookWhetherTold(pod, entry)
    lookWhetherFollowed(pod, entry)
  }

  /// Nothing waits in silence.
  private func lookWhetherTold(_ pod: SimulatedPod, _ entry: SimulatedPBS.Entry) {
    let isTold = pod.conditions.contains {
      $0.type == "PodScheduled" && $0.status == "False"
        && $0.message.split(separator: " ").contains { $0.hasPrefix(entry.job.id) }
    }
    if !isTold, entry.job.comment != nil || entry.job.state == .held {
      wrong("\(pod.name) waits with job \(entry.job.id), and is not told why")
    }
  }

  /// A job that waits is as its pod asks, but for what PBS's side has changed.
  private func lookWhetherFollowed(_ pod: SimulatedPod, _ entry: SimulatedPBS.Entry) {
    guard !entry.isAltered, now - (pod.editedAt ?? 0) > soon else { return }
    let select = JobTerms.select
    if entry.cpus != pod.cpus, !isTakenBack(pod, entry, select, entry.submitted.values[select]) {
      wrong("\(pod.name) asks for \(pod.cpus) cpus, and job \(entry.job.id) for \(entry.cpus)")
    }
    let walltime = pod.annotations["pbs-connector/walltime"]
    if !JobTerms.isSame(JobTerms.walltime, entry.terms.values[JobTerms.walltime], walltime),
      !isTakenBack(pod, entry, JobTerms.walltime, walltime)
    {
      wrong("\(pod.name) asks for a walltime of \(walltime ?? "-"), and its job does not")
    }
    let isHeld = entry.job.holdTypes?.contains("u") == true
    let asksForHold = pod.annotations["pbs-connector/hold"] == "true"
    if isHeld != asksForHold,
      !isTakenBack(pod, entry, JobTerms.hold, asksForHold ? "u" : nil)
    {
      wrong(
        "\(pod.name) asks for \(asksForHold ? "a hold" : "no hold"), and its job does not follow")
    }
  }

  /// The pod asks again for what its job was submitted with, since a time when brokers came and
  /// went: for one that meets the job then, PBS's side has changed it.
  private func isTakenBack(
    _ pod: SimulatedPod, _ entry: SimulatedPBS.Entry, _ name: String, _ wanted: String?
  ) -> Bool {
    guard JobTerms.isSame(name, entry.submitted.values[name], wanted),
      name != JobTerms.select || Self.cpus(entry.submitted) == pod.cpus, let edited = pod.editedAt
    else { return false }
    return run.trouble.wasOn(Plan.Kind.brokersChange, within: now - edited + Self.settling)
  }

  private static func cpus(_ terms: JobTerms) -> Int? {
    terms.values[JobTerms.select].flatMap(SimulatedPBS.cpus(of:))
  }
}
