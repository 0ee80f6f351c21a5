import ManualTime
import Testing

@testable import Runtime
@testable import pbs_broker

/// A pod whose job alone makes PBS err holds nobody else up; a PBS that answers nobody is asked by one.
@Suite(.runningLoop, .timeLimit(.minutes(2)))
struct SubmitterFaultTests {
  @EventLoop
  private final class Site {
    private static var all: [Site] = []
    let clock = ManualClock()
    private(set) lazy var pbs = NamedFaults(clock: clock)
    let lines = LogLines()
    private(set) var taken: Set<String> = []
    private(set) var failed: [String: [PBSError]] = [:]
    private(set) var hindrances: [String] = []
    private(set) lazy var submitter: Submitter = Submitter(
      backend: pbs, inFlight: 3, isAway: { false },
      actions: .init(
        job: {
          JobDescription(name: $0, chunks: [], walltime: nil, queue: nil, environment: [])
        },
        taken: { [unowned self] uid, _, _ in taken.insert(uid) },
        failed: { [unowned self] uid, error in failed[uid, default: []].append(error) },
        settled: { _ in },
        hindered: { [unowned self] in hindrances += [submitter.hindrance].compactMap(\.self) }),
      clock: clock, log: lines.logger)

    init() { Self.all.append(self) }
  }

  /// A PBS that errs at jobs of certain names.
  private final class NamedFaults: PBSBackend {
    let users = SubmittingUsers(own: "pbs-broker")
    var faults: [String: PBSError] = [:]
    private(set) var submissions: [String] = []
    var turnComes = true

    private let clock: any Clock

    init(clock: any Clock) {
      self.clock = clock
    }

    func turn(for use: ConnectionUse) async {
      while !turnComes { try? await clock.sleep(seconds: 0.01) }
    }

    func submit(_ job: JobDescription) async throws(PBSError) -> String {
      submissions.append(job.name)
      if let fault = faults[job.name] { throw fault }
      return "\(submissions.count).pbsserver"
    }
    func delete(_ id: String, of _: String?, force: Bool) async throws(PBSError) {}
    func change(_ id: String, of _: String?, _ change: JobChange) async throws(PBSError) {}
    func list(telling _: Set<String>) async throws(PBSError) -> JobListing { JobListing(all: []) }
    func stat(_ ids: [String]) async throws(PBSError) -> JobStat { JobStat(jobs: [], unknown: []) }
    func server() async throws(PBSError) -> String { "pbsserver" }
    func hosts() async throws(PBSError) -> PBSHosts { PBSHosts() }
    let pace = LookPace(first: 0.25, second: 0.5)
    func changes() async throws(PBSError) -> JobStat? { nil }
  }

  @Test(arguments: [
    PBSError.busy("qsub: request rejected as filter hook 'site' encountered an exception"),
    .unauthorized("qsub: Bad UID for job execution"),
  ])
  @EventLoop func aPodWhoseJobAloneFailsStopsNoOther(
    _ error: PBSError
  ) async {
    let site = Site()
    site.pbs.faults = ["pod-0": error]
    for number in 0..<20 { site.submitter.add("pod-\(number)", of: "default") }
    #expect(await site.clock.soon(within: 30) { site.taken.count == 19 })
    // It was tried a few times, and the others once each.
    #expect(site.pbs.submissions.count { $0 == "pod-0" } <= 4)
    #expect(site.pbs.submissions.count <= 19 + 4)
  }

  @Test @EventLoop func aPBSThatDoesNotAnswerIsTriedByOneForAll() async throws {
    let site = Site()
    for number in 0..<50 { site.pbs.faults["pod-\(number)"] = .unavailable("qsub: exit 137") }
    for number in 0..<50 { site.submitter.add("pod-\(number)", of: "default") }
    #expect(await site.clock.soon { site.lines.all.contains { $0.contains("one job at a time") } })
    await site.clock.advance(by: 3)
    // Three that were under way together, and one after each wait of 0.5 s at the least, 1, 2 ...
    #expect((3...9).contains(site.pbs.submissions.count))
    #expect(site.failed.values.allSatisfy { $0.count == 1 })
    site.pbs.faults = [:]
    #expect(await site.clock.soon(within: 40) { site.taken.count + site.failed.count == 50 })
    #expect(site.lines.all.count { $0.contains("PBS takes jobs again") } == 1)
  }

  @Test @EventLoop func whoWaitsForATurnForLongIsToldSo() async {
    let site = Site()
    site.pbs.turnComes = false
    for number in 0..<5 { site.submitter.add("pod-\(number)", of: "default") }
    #expect(await site.clock.soon(within: 30) { !site.hindrances.isEmpty })
    #expect(site.hindrances[0].hasPrefix("the job waits to be submitted: PBS may be connected to"))
    #expect(site.pbs.submissions.isEmpty)
    site.pbs.turnComes = true
    #expect(await site.clock.soon { site.taken.count == 5 })
    #expect(site.submitter.hindrance == nil)
  }

  /// Two times of trouble are no pod's fault, though the same pod should meet both.
  @Test @EventLoop func troubleThatComesAgainIsNobodysFault() async {
    let site = Site()
    let busy = PBSError.busy("qsub: Server is busy")
    for number in 0..<4 { site.pbs.faults["pod-\(number)"] = busy }
    for number in 0..<4 { site.submitter.add("pod-\(number)", of: "default") }
    #expect(await site.clock.soon { site.pbs.submissions.count >= 5 })
    // One place comes free, and is taken; then it goes on.
    site.pbs.faults["pod-3"] = nil
    #expect(await site.clock.soon(within: 40) { site.taken == ["pod-3"] })
    let tried = site.pbs.submissions.count
    #expect(await site.clock.soon(within: 40) { site.pbs.submissions.count >= tried + 4 })
    site.pbs.faults = [:]
    #expect(await site.clock.soon(within: 40) { site.taken.count == 4 })
    #expect(site.failed.isEmpty)
  }
}
