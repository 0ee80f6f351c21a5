import ManualTime
import Testing

@testable import Runtime
@testable import pbs_broker

/// Namespaces take turns, and a site's proof that is not accepted stops all but one.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct SubmitterTurnsTests {
  @EventLoop
  private final class Site {
    /// As in the process, nothing goes before the last command has ended.
    private static var all: [Site] = []
    let clock = ManualClock()
    private(set) lazy var pbs = FakePBS(clock: clock)
    let lines = LogLines()
    private(set) var failed: [String: PBSError] = [:]
    private(set) var settled: [String] = []
    private(set) var hindrances: [String?] = []
    /// What is thrown instead of a job.
    var unsigned: PBSError?
    private(set) lazy var submitter: Submitter = Submitter(
      backend: pbs, inFlight: 1, isAway: { false },
      actions: .init(
        job: { [unowned self] uid throws(PBSError) in
          if let unsigned { throw unsigned }
          var job = JobDescription(
            name: uid, chunks: [], walltime: nil, queue: nil, environment: [])
          job.token = "1.secret-of-\(uid).x"
          return job
        },
        taken: { _, _, _ in },
        failed: { [unowned self] uid, error in failed[uid] = error },
        settled: { [unowned self] uid in settled.append(uid) },
        hindered: { [unowned self] in hindrances.append(submitter.hindrance) }), clock: clock,
      log: lines.logger)

    init() {
      Self.all.append(self)
    }
  }

  @Test @EventLoop func oneNamespacesManyPodsMakeNoOtherWait() async {
    let site = Site()
    site.pbs.isHolding = true
    for number in 0..<1475 { site.submitter.add("many-\(number)", of: "many") }
    site.submitter.add("one", of: "other")
    site.submitter.add("two", of: "other")
    site.pbs.release()
    #expect(await site.clock.soon { site.settled.count == 1477 })
    // The first one was under way when the others came.
    #expect(site.settled.prefix(5) == ["many-0", "many-1", "one", "many-2", "two"])
  }

  @Test @EventLoop func aRefusedProofIsTheSitesFault() async {
    let site = Site()
    let words = "qsub: the token in k8s_token is not accepted: it has expired"
    let meaning = PBSAnswer.meaning(status: 169, words: words)
    let refusal = PBSError(command: "qsub", meaning, status: 169, words: words)
    #expect(refusal == .unauthorized(words))
    site.pbs.failure = { $0 < 2 ? refusal : nil }
    for number in 0..<50 { site.submitter.add("pod-\(number)", of: "default") }
    #expect(await site.clock.soon { site.settled.count == 50 })
    #expect(site.failed.isEmpty && site.pbs.submissions.count == 52)
    #expect(site.lines.all.count { $0.hasPrefix("warning") } == 1)
    #expect(site.lines.all.contains { $0.contains("it has expired") })
  }

  @Test @EventLoop func whatCannotBeSignedCountsAsPBSsAnswer() async {
    let site = Site()
    site.unsigned = .refused("the pod's uid cannot stand in a proof of submission")
    site.submitter.add("pod-1", of: "default")
    #expect(await site.clock.soon { site.settled == ["pod-1"] })
    #expect(site.failed["pod-1"] == site.unsigned && site.pbs.submissions.isEmpty)
  }

  @Test @EventLoop func noTokenIsRepeated() async {
    let site = Site()
    site.pbs.failure = { _ in .refused("qsub: what is 1.secret-of-pod-1.x? 1.secret-of-pod-1.x!") }
    site.submitter.add("pod-1", of: "default")
    #expect(await site.clock.soon { site.settled == ["pod-1"] })
    #expect(site.failed["pod-1"] == .refused("qsub: what is ...? ...!"))
    var job = ScriptedPBS.job
    job.token = "1.secret.x"
    let arguments = try? QsubArguments.arguments(for: job, placeholder: ["/bin/true"])
    #expect(arguments?.contains("k8s_token=1.secret.x") == true)
    #expect(QsubArguments.logged(arguments ?? []).contains("-l k8s_token=... "))
    #expect(!QsubArguments.logged(arguments ?? []).contains("secret"))
  }

  @Test @EventLoop func jobsWithoutProofAreTriedOneAtATime() async throws {
    let site = Site()
    site.submitter.add("pod-0", of: "default")
    #expect(await site.clock.soon { site.settled.count == 1 })
    let began = site.clock.now
    site.submitter.doubt("job 1.pbsserver: no proof")
    site.submitter.doubt("job 1.pbsserver: no proof")
    for number in 1...9 { site.submitter.add("pod-\(number)", of: "default") }
    // The first wait is 5 s at least.
    #expect(await site.clock.soon { site.settled.count == 2 })
    #expect(site.clock.now - began >= 4.9)
    await site.clock.advance(by: 0.2)
    #expect(site.settled.count == 2, "that PBS takes a job does not end it")
    #expect(site.submitter.hindrance?.contains("no proof") == true)
    site.submitter.trust(began - 1)
    #expect(site.submitter.hindrance != nil, "a job of before says nothing")
    site.submitter.trust(site.clock.now)
    #expect(await site.clock.soon { site.settled.count == 10 })
    #expect(site.lines.all.count { $0.hasPrefix("error") } == 1)
  }
}
