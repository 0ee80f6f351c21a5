@testable import Runtime
@testable import pbs_broker

/// Says what must not be, by what the simulated servers know. (docs/reliability.md, "What always
/// holds".)
@EventLoop
final class Judge {
  /// Seconds by which what a process acts on may be old: the time between two polls, and that for
  /// which a share is confirmed.
  static let slack = Run.lookInterval + 15 + Run.ownership
  /// Seconds without any trouble after which all must be as it should be: longer than the longest
  /// waits between tries.
  static let settling = 1500.0
  /// Seconds within which what should be follows then.
  private static let soon = 400.0

  private let run: Run
  /// What was wrong first.
  private(set) var violation: String?
  private var createdAt: [String: Double] = [:]
  private var endedAt: [String: Double] = [:]

  init(_ run: Run) {
    self.run = run
  }

  private var now: Double { run.time.now }

  private func wrong(_ words: String) {
    guard violation == nil else { return }
    run.history.note("VIOLATION: \(words)")
    violation = words
  }

  // MARK: What happens to pods and jobs

  func created(_ uid: String) { createdAt[uid] = now }

  /// The pod has finished, or is gone.
  func ended(_ uid: String) { endedAt[uid] = endedAt[uid] ?? now }

  func binds(_ pod: SimulatedPod, to node: String, job: String) {
    guard let entry = run.pbs.entries[job], entry.job.pod?.uid == pod.uid else {
      if now - run.pbs.lostAt > Self.slack {
        wrong("\(pod.name) is bound to \(node) for job \(job), which is not its job")
      }
      return
    }
    let isThere = (entry.job.isRunning || entry.job.isSuspended) && entry.job.host == node
    if isThere { return }
    if let left = entry.leftHost, left.host == node, now - left.at <= Self.slack { return }
    wrong("\(pod.name) is bound to \(node), where job \(job) does not run")
  }

  /// A binder deletes a pod.
  func evicts(_ pod: SimulatedPod) {
    if pod.isFinished { return wrong("\(pod.name) is deleted after it has finished") }
    guard let node = pod.node, let job = pod.job else {
      return wrong("\(pod.name) is deleted, and was never bound")
    }
    guard let entry = run.pbs.entries[job], entry.job.pod?.uid == pod.uid else {
      // Lost, with all others or before: with many, it is doubted for a while.
      if now - run.pbs.lostAt < 30, run.pbs.lost.count > 2 * Run.vanishLeast,
        let lost = run.pbs.lost[job], lost.pod?.uid == pod.uid, lost.host == node,
        "\(lost.runCount)" == pod.annotations["pbs-connector/run-count"]
      {
        wrong("\(pod.name) is deleted as soon as many jobs are lost")
      }
      return
    }
    let isThere = (entry.job.isRunning || entry.job.isSuspended) && entry.job.host == node
    if isThere, "\(entry.job.runCount)" == pod.annotations["pbs-connector/run-count"] {
      wrong("\(pod.name) is deleted, and job \(job) runs on \(node) all the time")
    }
  }

  /// A broker deletes a job.
  func deletes(_ job: String, force: Bool) {
    guard let entry = run.pbs.entries[job], !entry.job.hasEnded, let uid = entry.job.pod?.uid,
      let pod = run.api.pod(uid), !pod.isFinished,
      // PBS has no other name for a job: a qdel of the former one of this number hits this one.
      !(run.pbs.former.contains(job) && now - run.pbs.lostAt < Self.slack)
    else { return }
    let others = run.pbs.entries.values.contains { $0.job.pod?.uid == uid && $0.job.id != job }
    if let node = pod.node {
      // Another one's binding, or to another job.
      guard pod.job == job else { return }
      if pod.isTerminating, force, isAway(node) { return }
      let hasMoved =
        entry.job.host != node
        || "\(entry.job.runCount)" != pod.annotations["pbs-connector/run-count"]
      if !hasMoved { wrong("job \(job) is deleted, and \(pod.name) still is on \(node)") }
    } else if !others, !pod.isTerminating {
      wrong("job \(job) is deleted, and \(pod.name) waits for it")
    }
  }

  private func isAway(_ host: String) -> Bool {
    run.api.nodes[host] != true || run.pbs.down.contains(host)
      || now - run.hostBackAt < Self.slack
  }

  func submitted(_ uid: String) {
    guard run.pbs.live(of: uid).count > 1 else { return }
    watchDouble(uid, since: now)
  }

  /// One of two jobs is found and deleted, also when things fail meanwhile: then the time begins anew.
  private func watchDouble(_ uid: String, since: Double) {
    run.later(120) { [unowned self] in
      let jobs = run.pbs.live(of: uid).filter { !$0.isEnding }
      guard jobs.count > 1 else { return }
      guard run.trouble.calm > 120 + Self.slack else { return watchDouble(uid, since: now) }
      wrong("jobs \(jobs.map(\.job.id).joined(separator: " and ")) of one pod live side by side")
    }
  }

  // MARK: What must be after a while of peace

  func lookIfCalm() {
    guard run.trouble.calm > Self.settling else { return }
    for pod in run.api.pods.values.sorted(by: { $0.number < $1.number }) { look(at: pod) }
    for entry in run.pbs.live where !entry.isEnding {
      guard let uid = entry.job.pod?.uid, let ended = endedAt[uid], now - ended > Self.soon else {
        continue
      }
      wrong("job \(entry.job.id) is left behind by its pod")
    }
  }

  private func look(at pod: SimulatedPod) {
    guard !pod.isFinished, !pod.isTerminating else { return }
    let jobs = run.pbs.live(of: pod.uid).filter { !$0.isEnding }
    if jobs.count > 1 { wrong("\(pod.name) has \(jobs.count) jobs") }
    if pod.node != nil {
      if jobs.isEmpty { wrong("\(pod.name) runs, and its job has ended") }
      return
    }
    guard let created = createdAt[pod.uid], now - created > Self.soon else { return }
    guard let entry = jobs.first else { return wrong("\(pod.name) waits, and has no job") }
    if entry.job.isRunning, let since = entry.runsSince, now - since > Self.soon {
      wrong("\(pod.name) is not bound, and job \(entry.job.id) runs")
    }
  }
}
