import Testing

@testable import Runtime
@testable import pbs_broker

/// A limit that is reached stops what counts against it, and nothing else.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct LimitPausesTests {
  /// PBS's words (pbs_messages.c) about a job of alice's, in queue gpu and project p, and what they
  /// are about; nil for all jobs.
  @Test(arguments: [
    ("Maximum number of jobs already in complex", nil),
    ("would exceed limit on resource ncpus in complex", nil),
    ("Server is busy", nil),
    ("Maximum number of jobs already in queue gpu", "queue gpu"),
    ("would exceed limit on resource ncpus in queue gpu", "queue gpu"),
    ("would exceed complex's per-user limit", "user alice"),
    ("would exceed queue gpu's per-user limit", "user alice, queue gpu"),
    ("Maximum number of jobs for user alice already in complex", "user alice"),
    ("would exceed user alice's limit on resource ncpus in queue gpu", "user alice, queue gpu"),
    ("would exceed per-user limit on resource ncpus in complex", "user alice"),
    ("would exceed complex's per-project limit of jobs in 'Q' state", "project p"),
    (
      "Maximum number of jobs in 'Q' state for project p already in queue gpu",
      "project p, queue gpu"
    ),
    ("would exceed complex's per-group limit", "user alice, the default group"),
    ("Maximum number of jobs for group g already in complex", "user alice, the default group"),
    ("Queue is not enabled", "queue gpu"),
  ])
  func wordsTellWhatALimitIsAbout(_ words: String, _ scope: String?) {
    var job = ScriptedPBS.job
    (job.user, job.queue, job.project) = ("alice", "gpu", "p")
    #expect(LimitScope("qsub: \(words)", of: job, own: "alice")?.words == scope)
  }

  /// Another user's process is his: what it says is about his jobs alone.
  @Test(arguments: [
    ("Maximum number of jobs already in complex", "user alice"),
    ("Maximum number of jobs already in queue gpu", "user alice, queue gpu"),
    ("would exceed complex's per-user limit", "user alice"),
    ("would exceed complex's per-project limit", "user alice, project p"),
  ])
  func whatAnotherUserIsToldIsAboutHim(_ words: String, _ scope: String) {
    var job = ScriptedPBS.job
    (job.user, job.queue, job.project) = ("alice", "gpu", "p")
    let found = LimitScope("qsub: \(words)", of: job, own: "pbs-broker")
    #expect(found?.words == scope && found?.contains(job, own: "pbs-broker") == true)
    for other in [nil, "pbs-broker", "bob"] {
      job.user = other
      #expect(found?.contains(job, own: "pbs-broker") == false)
    }
  }

  /// A queue of a pod's own choice that does not exist is no limit.
  @Test func whatAPodHasChosenItselfIsItsOwnAffair() {
    var job = ScriptedPBS.job
    (job.queue, job.hasOwnTerms) = ("nowhere", true)
    #expect(LimitScope("Unknown queue", of: job, own: "pbs-broker") == nil)
    #expect(LimitScope("would exceed queue nowhere's per-user limit", of: job, own: "a") != nil)
  }

  @EventLoop
  private final class Site {
    private static var all: [Site] = []
    let pbs = FakePBS(clock: SystemClock())
    let lines = LogLines()
    private(set) var taken: [String] = []
    private(set) var failed: [String] = []
    private(set) lazy var submitter: Submitter = Submitter(
      backend: pbs, inFlight: 3, isAway: { false },
      actions: .init(
        job: { Self.job($0) }, taken: { [unowned self] uid, _, _ in taken.append(uid) },
        failed: { [unowned self] uid, _ in failed.append(uid) }, settled: { _ in },
        hindered: {}, terms: { Self.job($0) }), clock: SystemClock(), log: lines.logger)

    init() { Self.all.append(self) }

    /// "alice-3" is a job of alice's.
    static func job(_ uid: String) -> JobDescription {
      var job = ScriptedPBS.job
      job.name = uid
      job.user = String(uid.prefix { $0 != "-" })
      return job
    }
  }

  private static let words = "would exceed complex's per-user limit"

  @Test @EventLoop func othersJobsGoOn() async {
    let site = Site()
    for number in 1...5 { site.pbs.refusals["alice-\(number)"] = .limit(Self.words) }
    for number in 1...5 {
      site.submitter.add("alice-\(number)", of: "a")
      site.submitter.add("bob-\(number)", of: "b")
    }
    #expect(await soon { site.taken.count == 5 })
    #expect(site.taken.sorted() == (1...5).map { "bob-\($0)" })
    // Those that were under way together, and one that tries for all of alice's.
    #expect(site.pbs.submissions.count { $0.hasPrefix("alice") } <= 4)
    #expect(site.submitter.hindrance == nil && site.failed.isEmpty)
    #expect(site.lines.all.count { $0.contains("PBS takes no jobs of user alice: ") } == 1)
    // Room for all.
    site.pbs.refusals = [:]
    site.submitter.jobEnded()
    #expect(await soon { site.taken.count == 10 })
    #expect(site.lines.all.count { $0.contains("PBS takes jobs of user alice again") } == 1)
  }

  @Test @EventLoop func oneOfThemTriesAndEachJobThatEndsMakesRoomForOne() async {
    let site = Site()
    for number in 1...6 { site.pbs.refusals["alice-\(number)"] = .limit(Self.words) }
    site.submitter.add("alice-1", of: "a")
    #expect(await soon { site.pbs.submissions.count == 1 })
    for number in 2...6 { site.submitter.add("alice-\(number)", of: "a") }
    for _ in 0..<20 { await Task { @EventLoop in }.value }
    #expect(site.pbs.submissions == ["alice-1"])
    site.pbs.refusals["alice-1"] = nil
    site.submitter.jobEnded()
    #expect(await soon { site.taken == ["alice-1"] })
    // What it made room for is tried, two at once, and no more.
    #expect(await soon { site.pbs.submissions.count >= 3 })
    for _ in 0..<20 { await Task { @EventLoop in }.value }
    #expect(site.pbs.submissions.count <= 4)
  }

  /// Pods may name projects as they like, and each of them may be at its limit.
  @Test @EventLoop func limitsAreFollowedInABoundedNumber() async {
    let site = Site()
    for number in 0..<(LimitPauses.most + 20) {
      site.pbs.refusals["user\(number)-1"] = .limit(Self.words)
      site.submitter.add("user\(number)-1", of: "a", as: "user\(number)")
    }
    #expect(await soon { site.submitter.limits.count == LimitPauses.most })
    #expect(await soon { site.failed.count == 20 })
  }
}
