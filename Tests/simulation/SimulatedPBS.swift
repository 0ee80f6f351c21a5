import Kubernetes
import ManualTime
import Messages

@testable import Runtime
@testable import pbs_broker

/// A PBS in memory: a server that schedules first come, first served, and its hosts. What goes wrong
/// between it and a broker is ``PBSLink``'s.
@EventLoop
final class SimulatedPBS {
  struct Entry {
    var job: Job
    var cpus: Int
    /// What it asks for, as far as it can be changed while it waits.
    var terms: JobTerms
    /// The same at its submission.
    let submitted: JobTerms
    var submittedAt: Double
    /// PBS's side has changed what it asks for.
    var isAltered = false
    /// When it was on a host for the last time, and as which run where.
    var leftHost: (at: Double, host: String)?
    /// When its host reported last that it runs.
    var runsSince: Double?
    /// An end that is on its way.
    var isEnding = false

    /// As PBS tells it.
    var told: Job {
      var job = job
      if job.isWaiting { job.toldTerms = ToldTerms(terms) } else { job.recordedTerms = nil }
      return job
    }
  }

  /// The user that brokers run as.
  static let user = "pbs-broker"
  /// Seconds after which PBS gives up a host that does not answer (node_fail_requeue).
  private static let hostPatience = 310.0

  let run: Run
  private(set) var entries: [String: Entry] = [:]
  /// Hosts that PBS cannot reach.
  private(set) var down: Set<String> = []
  private(set) var lostAt = -Double.infinity
  /// The jobs that ran when all were lost, the last of such times at the end.
  private(set) var losses: [(at: Double, jobs: [String: Job])] = []
  /// Ids of jobs that were lost: of those that are given again, a qdel may be on its way.
  private(set) var former: Set<String> = []
  private var lastNumber = 0
  private var isCycleDue = false
  private var startedAt = -Double.infinity
  private var listsFrom = -Double.infinity

  init(_ run: Run) {
    self.run = run
  }

  var hosts: [String] { (1...run.plan.hosts).map { "node\($0)" } }

  /// Jobs that have not ended, the oldest first.
  var live: [Entry] {
    entries.values.filter { !$0.job.hasEnded }.sorted { $0.job.sequence < $1.job.sequence }
  }

  func live(of uid: String) -> [Entry] { live.filter { $0.job.pod?.uid == uid } }

  // MARK: What brokers ask for

  func submit(_ description: JobDescription, by broker: String) -> String {
    lastNumber += 1
    let id = "\(lastNumber).pbsserver"
    let value = { (name: String) in description.environment.first { $0.name == name }?.value }
    let uid = value(WellKnown.podUID) ?? ""
    var job = Job(
      id: id, state: .queued, substate: 10, execHost: nil, runCount: 0, comment: nil,
      exitStatus: nil, holdTypes: nil, owner: "\(description.user ?? Self.user)@host",
      pod: PodReference(
        uid: uid, namespace: value(WellKnown.podNamespace) ?? "",
        name: value(WellKnown.podName) ?? ""))
    job.cluster = value(WellKnown.cluster)
    job.scheduler = value(WellKnown.podScheduler)
    job.select = description.select
    job.recordedTerms = value(WellKnown.jobTerms)
    if run.plan.hasUsers, let cluster = job.cluster, let pod = job.pod {
      job.proof = ProvenPod(cluster: cluster, pod: pod).text
    }
    if description.isHeld { (job.state, job.holdTypes) = (.held, "u") }
    run.history.note("pbs: job \(id) for \(description.name)")
    run.judge.submits(uid, by: broker)
    entries[id] = Entry(
      job: job, cpus: description.chunks.first?.ncpus ?? 1, terms: JobTerms(description),
      submitted: JobTerms(description), submittedAt: run.time.now)
    cycleSoon()
    return id
  }

  func delete(_ id: String, force: Bool) throws(PBSError) {
    guard let entry = entries[id], !entry.job.hasEnded else { return }
    if !force, entry.job.isRunning, let host = entry.job.host, down.contains(host) {
      throw .busy("Server could not connect to MOM")
    }
    end(id, words: "deleted by \(Self.user)", status: 271)
  }

  // MARK: What happens to jobs

  /// Ends a job, by a word that its comment has then.
  func end(_ id: String, words: String, status: Int) {
    guard let entry = entries[id], !entry.job.hasEnded, !entry.isEnding else { return }
    run.history.note("pbs: job \(id) is \(words)")
    guard entry.job.isRunning || entry.job.isSuspended else {
      return finish(id, words: "Job \(words)", status: status)
    }
    entries[id]?.isEnding = true
    leave(id)
    entries[id]?.job.state = .exiting
    run.later(1) { [unowned self] in
      if entries[id]?.isEnding == true { finish(id, words: "Job \(words)", status: status) }
    }
  }

  private func finish(_ id: String, words: String, status: Int) {
    entries[id]?.job.state = .finished
    entries[id]?.job.comment = words
    entries[id]?.job.exitStatus = status
    run.hint(id)
    // Its history ends as well.
    run.later(7200) { [unowned self] in
      if entries[id]?.job.hasEnded == true { entries[id] = nil }
    }
    cycleSoon()
  }

  private func leave(_ id: String) {
    guard let host = entries[id]?.job.host else { return }
    entries[id]?.leftHost = (run.time.now, host)
  }

  func requeue(_ id: String) {
    guard entries[id]?.job.isRunning == true else { return }
    run.history.note("pbs: job \(id) is requeued")
    leave(id)
    entries[id]?.job.state = .queued
    entries[id]?.job.execHost = nil
    entries[id]?.job.chunks = []
    cycleSoon()
  }

  /// As qrerun does with jobs that may run again: without a moment in the queue.
  func runElsewhere(_ id: String) {
    guard let entry = entries[id], entry.job.isRunning else { return }
    let other = hosts.first {
      $0 != entry.job.host && !down.contains($0) && free(on: $0) >= entry.cpus
    }
    guard let other else { return requeue(id) }
    run.history.note("pbs: job \(id) runs again, on \(other)")
    leave(id)
    start(id, on: other)
  }

  func suspend(_ id: String) {
    guard let entry = entries[id], entry.job.isRunning, entry.job.substate == 42 else { return }
    run.history.note("pbs: job \(id) is suspended")
    entries[id]?.job.state = .suspended
  }

  func resume(_ id: String) {
    guard let entry = entries[id], entry.job.isSuspended, !entry.isEnding else { return }
    run.history.note("pbs: job \(id) is resumed")
    entries[id]?.job.state = .running
    cycleSoon()
  }

  /// All jobs are lost, and perhaps their numbers begin anew.
  func loseAll(countingAnew: Bool) {
    run.history.note("pbs: loses \(live.count) jobs")
    lostAt = run.time.now
    let running = live.filter { $0.job.isRunning && $0.job.substate == 42 }
    losses.append(
      (run.time.now, Dictionary(running.map { ($0.job.id, $0.job) }) { first, _ in first }))
    if losses.count > 3 { losses.removeFirst() }
    former.formUnion(entries.keys)
    entries.removeAll()
    if countingAnew { lastNumber = 0 }
  }

  func set(_ host: String, isDown: Bool) {
    guard isDown else {
      down.remove(host)
      return cycleSoon()
    }
    guard down.insert(host).inserted else { return }
    let jobs = live.filter { $0.job.host == host && $0.job.isRunning }.map {
      ($0.job.id, $0.job.runCount)
    }
    run.later(Self.hostPatience) { [unowned self] in
      guard down.contains(host) else { return }
      for (id, count) in jobs where entries[id]?.job.runCount == count {
        end(id, words: "given up with its host", status: -20)
      }
    }
  }

  /// The server is there again after it was away.
  /// - Parameter listsLate: whether its list of jobs is empty for a moment.
  func restarted(listsLate: Bool) {
    startedAt = run.time.now
    if listsLate { listsFrom = startedAt + 0.8 }
  }

  /// It lists no jobs yet.
  var isStarting: Bool { run.time.now < listsFrom }
  /// Its hosts have not reported yet.
  var hasJustStarted: Bool { run.time.now - startedAt < 10 }

  func edit(_ id: String, _ change: (inout Entry) -> Void) {
    guard var entry = entries[id] else { return }
    change(&entry)
    entries[id] = entry
  }

  func forget(_ id: String) { entries[id] = nil }

  // MARK: Scheduling

  private func free(on host: String) -> Int {
    run.plan.cpus
      - live.filter { $0.job.isRunning && $0.job.host == host }.reduce(0) { $0 + $1.cpus }
  }

  func cycleSoon() {
    guard !isCycleDue else { return }
    isCycleDue = true
    run.later(0.2 + 10 * run.latency()) { [unowned self] in
      isCycleDue = false
      cycle()
    }
  }

  private func cycle() {
    guard !run.trouble.isOn(.pbsAway) else { return run.later(5) { [unowned self] in cycleSoon() } }
    for entry in live where entry.job.state == .queued {
      let host = hosts.first { !down.contains($0) && free(on: $0) >= entry.cpus }
      if let host {
        start(entry.job.id, on: host)
      } else {
        entries[entry.job.id]?.job.comment =
          "Not Running: Insufficient amount of resource: ncpus"
      }
    }
  }

  private func start(_ id: String, on host: String) {
    guard var entry = entries[id] else { return }
    entry.job.state = .running
    entry.job.substate = 41
    entry.job.execHost = "\(host)/0*\(entry.cpus)"
    entry.job.chunks = [.init(vnode: host, resources: ["ncpus": "\(entry.cpus)"])]
    entry.job.runCount += 1
    entry.job.comment = "Job run at now on (\(host))"
    entries[id] = entry
    let count = entry.job.runCount
    run.history.note("pbs: job \(id) starts on \(host) (run \(count))")
    run.later(20 * run.latency()) { [unowned self] in reported(id, host, count) }
  }

  private func reported(_ id: String, _ host: String, _ count: Int) {
    guard let job = entries[id]?.job, job.isRunning, job.runCount == count else { return }
    guard !down.contains(host) else {
      return run.later(10) { [unowned self] in reported(id, host, count) }
    }
    entries[id]?.job.substate = 42
    entries[id]?.runsSince = run.time.now
    run.hint(id)
  }
}
