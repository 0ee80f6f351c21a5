@testable import Runtime
@testable import pbs_broker

/// Says what must not be, by what the simulated servers know. (docs/reliability.md, "What always
/// holds".)
@EventLoop
final class Judge {
  /// Seconds that a word of a process needs to the simulated servers, with the answers in between.
  private static let delivery = 2.0

  let run: Run
  /// What was wrong first.
  private(set) var violation: String?
  private(set) var createdAt: [String: Double] = [:]
  private(set) var endedAt: [String: Double] = [:]

  init(_ run: Run) {
    self.run = run
  }

  var now: Double { run.time.now }

  /// Seconds for which a process that is late may believe that a pod is its own.
  private var ownership: Double {
    let isLate = run.trouble.wasOn(Plan.Kind.stalls, within: run.timing.ownership * 2)
    return isLate ? run.timing.ownership : 0
  }

  func wrong(_ words: String) {
    guard violation == nil else { return }
    run.history.note("VIOLATION: \(words)")
    violation = words
  }

  // MARK: What happens to pods and jobs

  func created(_ uid: String) {
    createdAt[uid] = now
    endedAt[uid] = nil
  }

  /// The pod has finished, or is gone.
  func ended(_ uid: String) { endedAt[uid] = endedAt[uid] ?? now }

  func binds(_ pod: SimulatedPod, to node: String, job: String) {
    if run.trap?.isEmpty == true { return wrong("the trap closes with \(pod.name)") }
    let entry = run.pbs.entries[job]
    if let entry, entry.job.pod?.uid == pod.uid,
      entry.job.isRunning || entry.job.isSuspended, entry.job.host == node
    {
      return
    }
    // A running job is asked about each 30 s when the list says nothing new of it.
    let isExplained = run.knowledge.explains(
      job, at: .init(uid: pod.uid, node: node),
      fresh: PollPlan.runningRefresh + 2 * run.longestLookInterval,
      delivery: Self.delivery + ownership)
    if isExplained { return }
    guard entry?.job.pod?.uid == pod.uid else {
      return wrong("\(pod.name) is bound to \(node) for job \(job), which is not its job")
    }
    wrong("\(pod.name) is bound to \(node), where job \(job) does not run")
  }

  /// A binder deletes a pod.
  func evicts(_ pod: SimulatedPod) {
    if pod.isFinished { return wrong("\(pod.name) is deleted after it has finished") }
    guard let node = pod.node, let job = pod.boundJob else {
      return wrong("\(pod.name) is deleted, and was never bound")
    }
    guard let entry = run.pbs.entries[job], entry.job.pod?.uid == pod.uid else {
      return evictsWithoutJob(pod, job)
    }
    let isThere = (entry.job.isRunning || entry.job.isSuspended) && entry.job.host == node
    if isThere, "\(entry.job.runCount)" == pod.boundRun {
      wrong("\(pod.name) is deleted, and job \(job) runs on \(node) all the time")
    }
  }

  /// The end of jobs that PBS has lost is believed when two further polls agree, where they were many.
  private func evictsWithoutJob(_ pod: SimulatedPod, _ job: String) {
    guard let loss = run.pbs.losses.last(where: { $0.jobs[job]?.pod?.uid == pod.uid }),
      now - loss.at < 2 * Run.vanishInterval - Self.delivery
    else { return }
    let lost = loss.jobs.values.filter { job in
      guard let uid = job.pod?.uid, let pod = run.api.pod(uid) else { return false }
      return pod.boundJob == job.id && !pod.isTampered && pod.node == job.host
        && pod.boundRun == "\(job.runCount)" && !pod.isTerminating && !pod.isFinished
    }
    if lost.count >= Run.vanishLeast, lost.contains(where: { $0.id == job }) {
      wrong("\(pod.name) is deleted as soon as \(lost.count) jobs are lost with its own")
    }
  }

  /// A broker deletes a job.
  func deletes(_ job: String, by broker: String, force: Bool) {
    guard let entry = run.pbs.entries[job], !entry.job.hasEnded, let uid = entry.job.pod?.uid,
      let pod = run.api.pod(uid), !pod.isFinished,
      // PBS has no other name for a job: a qdel of the former one of this number hits this one.
      !(run.pbs.former.contains(job) && run.knowledge.isOutdated(broker, job, uid: uid))
    else { return }
    let others = run.pbs.entries.values.contains { $0.job.pod?.uid == uid && $0.job.id != job }
    if let node = pod.node {
      // Another one's binding, or to another job.
      guard pod.boundJob == job else { return }
      if pod.isTerminating, force, isAway(node) { return }
      let hasMoved = entry.job.host != node || "\(entry.job.runCount)" != pod.boundRun
      if !hasMoved { wrong("job \(job) is deleted, and \(pod.name) still is on \(node)") }
    } else if !others, !pod.isTerminating, !fitsNoMore(entry, pod) {
      wrong("job \(job) is deleted, and \(pod.name) waits for it")
    }
  }

  /// The job has less than its pod asks for, by an administrator's hand or since its user has
  /// changed it.
  private func fitsNoMore(_ entry: SimulatedPBS.Entry, _ pod: SimulatedPod) -> Bool {
    entry.cpus < pod.cpus || (entry.isAltered && pod.editedAt != nil)
  }

  private func isAway(_ host: String) -> Bool {
    // PBS's hosts are polled each 15 s while that matters, and two polls have to agree.
    run.api.nodes[host] != true || run.pbs.down.contains(host)
      || now - run.hostBackAt < 30 + 2 * run.longestLookInterval + ownership
  }

  // MARK: Two jobs of a pod

  /// A broker submits a job.
  func submits(_ uid: String, by broker: String) {
    let others = run.pbs.live(of: uid).filter { !$0.isEnding }
    guard let first = others.first else { return }
    watchDouble(uid)
    // What PBS keeps from brokers for longer than two polls, a second apart, they do not know.
    let isHidden = run.trouble.wasOn(
      Plan.Kind.stalls.union([
        .pbsListsNothing, .pbsListsPart, .pbsUnreadable, .pbsContradicts, .etcdRestored,
      ]), within: run.longestLookInterval + 2 * run.timing.silence)
    if !isHidden, now - first.submittedAt > Self.delivery + 1 {
      wrong("\(broker) submits a second job for a pod, whose job \(first.job.id) PBS lists")
    }
  }

  /// One of two jobs is found and deleted, also when things fail meanwhile: then the time begins anew.
  private func watchDouble(_ uid: String) {
    let time = 10 + 2 * run.longestLookInterval
    run.later(time) { [unowned self] in
      let jobs = run.pbs.live(of: uid).filter { !$0.isEnding }
      guard jobs.count > 1 else { return }
      // A qdel that has failed waits for up to 300 s.
      guard run.trouble.calm > time + 300 else { return watchDouble(uid) }
      wrong("jobs \(jobs.map(\.job.id).joined(separator: " and ")) of one pod live side by side")
    }
  }
}
