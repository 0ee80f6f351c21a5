import ManualTime
import Testing

@testable import Runtime
@testable import pbs_broker

/// What waits behind a limit, or while PBS takes no jobs, is what its pod asks for now.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct WaitingSubmissionTests {
  @EventLoop
  private final class Site {
    private static var all: [Site] = []
    let clock = ManualClock()
    private(set) lazy var pbs = FakePBS(clock: clock)
    let lines = LogLines()
    /// By pod, what is wanted; a pod is in the queue while it is in `waiting`.
    private(set) var pods: [String: JobDescription] = [:]
    private(set) var waiting: Set<String> = []
    private(set) var taken: [String] = []
    private(set) var failed: [String: PBSError] = [:]
    private(set) lazy var submitter = Submitter(
      backend: pbs, inFlight: 3, isAway: { false },
      actions: .init(
        job: { [unowned self] in pods[$0] },
        taken: { [unowned self] uid, _, _ in taken.append(uid) },
        failed: { [unowned self] uid, error in failed[uid] = error },
        settled: { [unowned self] in waiting.remove($0) }, hindered: {},
        isWanted: { [unowned self] in pods[$0] != nil },
        terms: { [unowned self] in pods[$0] }), clock: clock, log: lines.logger)

    init() { Self.all.append(self) }

    func add(_ uid: String, queue: String? = nil, hasOwnTerms: Bool = false) {
      pods[uid] = Self.job(uid, queue, hasOwnTerms)
      waiting.insert(uid)
      submitter.add(uid, of: "default")
    }

    private static func job(_ uid: String, _ queue: String?, _ own: Bool = false) -> JobDescription
    {
      var job = ScriptedPBS.job
      (job.name, job.queue, job.hasOwnTerms) = (uid, queue, own)
      return job
    }

    /// The pod is deleted, or asks for another queue; as the broker does it.
    func change(_ uid: String, queue: String?, isGone: Bool = false) {
      pods[uid] = isGone ? nil : Self.job(uid, queue)
      guard waiting.contains(uid) else { return }
      if submitter.changed(uid, of: "default", to: pods[uid]) { waiting.remove(uid) }
    }
  }

  private static let full = PBSError.limit("qsub: Maximum number of jobs already in queue gpu")

  private static func limited(_ count: Int) async -> Site {
    let site = await Site()
    await fill(site, count)
    return site
  }

  @EventLoop private static func fill(_ site: Site, _ count: Int) async {
    for number in 0..<count { site.pbs.refusals["gpu-\(number)"] = full }
    for number in 0..<count { site.add("gpu-\(number)", queue: "gpu") }
    await site.clock.advance(by: 0.4)
  }

  @Test @EventLoop func podsThatAreGoneLeaveALimit() async {
    let site = await Self.limited(200)
    #expect(await site.clock.soon(within: 10) { site.submitter.limits.count == 200 })
    let tried = site.pbs.submissions.count
    #expect(site.submitter.waiting == 200 && tried <= 6)
    for number in 0..<200 { site.change("gpu-\(number)", queue: nil, isGone: true) }
    #expect(site.submitter.waiting == 0 && site.waiting.isEmpty)
    await site.clock.advance(by: 40)
    #expect(site.pbs.submissions.count == tried)
    #expect(site.submitter.limits.isEmpty)
    #expect(site.lines.all.count { $0.contains("no job of queue gpu waits any more") } == 1)
  }

  @Test @EventLoop func aPodThatAsksForAnotherQueueIsTriedAtOnce() async {
    let site = await Self.limited(20)
    let tried = site.pbs.submissions.count
    site.pbs.refusals["gpu-17"] = nil
    site.change("gpu-17", queue: "workq")
    await site.clock.advance(by: 0)
    #expect(site.taken == ["gpu-17"] && site.pbs.submissions.count == tried + 1)
    // Who asks for the same as before waits on.
    site.change("gpu-18", queue: "gpu")
    await site.clock.advance(by: 0)
    #expect(site.pbs.submissions.count == tried + 1)
    site.pbs.refusals = [:]
    #expect(await site.clock.soon(within: 40) { site.taken.count == 20 })
    #expect(site.waiting.isEmpty && site.submitter.waiting == 0)
  }

  /// A pod that is to try for all of its limit goes: another one tries.
  @Test @EventLoop func theLimitOutlivesThePodThatTries() async {
    let site = await Self.limited(3)
    for number in 0..<2 { site.change("gpu-\(number)", queue: nil, isGone: true) }
    site.pbs.refusals = [:]
    #expect(await site.clock.soon(within: 40) { site.taken == ["gpu-2"] })
  }

  @Test @EventLoop func podsThatAreGoneLeaveAPause() async {
    let site = Site()
    site.pbs.failure = { _ in .busy("qsub: Server is busy") }
    for number in 0..<1000 { site.add("pod-\(number)") }
    await site.clock.advance(by: 0.2)
    let left = site.submitter.waiting
    #expect(left >= 997)
    for number in 0..<999 { site.change("pod-\(number)", queue: nil, isGone: true) }
    #expect(site.submitter.waiting == 1)
    site.pbs.failure = { _ in nil }
    #expect(await site.clock.soon(within: 40) { site.taken == ["pod-999"] })
  }

  /// That no more jobs fit into PBS is about all jobs, whatever queue one asks for.
  @Test(arguments: [
    "Maximum number of jobs already in complex", "would exceed limit on resource ncpus in complex",
    "Maximum number of jobs in 'Q' state already in complex",
  ])
  @EventLoop func aLimitOfAllJobsIsNoFaultOfAJobOnItsOwnTerms(_ words: String) async {
    let site = Site()
    site.pbs.failure = { $0 < 6 ? .limit("qsub: \(words)") : nil }
    for number in 0..<20 { site.add("pod-\(number)", queue: "mine", hasOwnTerms: true) }
    await site.clock.advance(by: 0.3)
    #expect(site.pbs.submissions.count == 3 && site.submitter.isPaused)
    #expect(await site.clock.soon(within: 60) { site.taken.count == 20 })
    #expect(site.failed.isEmpty && site.pbs.submissions.count == 26)
  }

  @Test(arguments: [
    (PBSError.limit("qsub: Unknown queue"), true), (.limit("qsub: Queue is not enabled"), true),
    (.unauthorized("qsub: Access to queue is denied"), true),
    (.unauthorized("qsub: the token in k8s_token is not accepted: it has expired"), false),
    (.limit("qsub: Maximum number of jobs already in queue mine"), false),
  ])
  @EventLoop func whatIsSaidOfAJobOnItsOwnTerms(_ error: PBSError, _ isItsOwnFault: Bool) async {
    let site = Site()
    site.pbs.failure = { $0 == 0 ? error : nil }
    site.add("mine", queue: "mine", hasOwnTerms: true)
    #expect(await site.clock.soon { site.waiting.isEmpty })
    #expect(site.failed == (isItsOwnFault ? ["mine": .refused("\(error)")] : [:]))
    #expect(site.taken.isEmpty == isItsOwnFault)
  }
}
