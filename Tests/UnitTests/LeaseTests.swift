import FoundationEssentials
import Runtime
import Testing

@testable import kube_watcher

/// client-go's tools/leaderelection; all on a clock that moves only when something waits.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct LeaseTests {
  /// An election of one candidate, from its first leading to the end of it.
  @EventLoop private final class Election {
    let store: PretendedLease
    let lines = LogLines()
    /// Until when the lease was held, by the last word, and when that ended.
    private(set) var heldUntil = 0.0
    private(set) var ended: Double?
    private(set) var began: Double?
    private var task: Task<Void, Never>?

    init(_ store: PretendedLease) {
      self.store = store
    }

    /// - Parameter seconds: after which the candidate gives up.
    func run(atMost seconds: Double = 100) async {
      let clock = store.clock
      let start = clock.now
      let lease = Lease(
        store: store, name: "ns/lease", identity: "us",
        clock: clock, log: lines.logger)
      clock.onWait = { [weak self] in
        if clock.now - start > seconds { self?.task?.cancel() }
      }
      lease.onHeld = { [unowned self] in heldUntil = $0 }
      lease.onLost = { [unowned self] in
        ended = clock.now
        task?.cancel()
      }
      let leading = Task { @EventLoop in
        await lease.lead { [unowned self] in
          if began == nil { began = clock.now }
        }
      }
      task = leading
      await leading.value
    }
  }

  @Test @EventLoop func aServerThatHangsIsGivenUpBeforeTheLeaseEnds() async throws {
    let store = PretendedLease()
    store.latencies = [.answers(0.1), .answers(0.1)]
    store.otherwise = .hangs
    let election = Election(store)
    await election.run()
    let renewal = try #require(store.successes.last)
    let ended = try #require(election.ended)
    #expect(ended <= renewal + 10)
    #expect(election.heldUntil == renewal + 10)
    #expect(
      store.requests.allSatisfy {
        $0.moment + $0.timeout <= renewal + 10 + 1e-9 || $0.moment <= renewal
      })
  }

  /// Seen: GET and PUT of 3.8 s each, twice, carried leadership 19.3 s past the last renewal.
  @Test @EventLoop func twoSlowAttemptsDoNotCarryItPastTheDeadline() async throws {
    let store = PretendedLease()
    store.latencies = [.answers(0.1), .answers(0.1), .conflicts(3.8), .answers(3.8)]
    store.otherwise = .fails(3.8)
    let election = Election(store)
    await election.run()
    let renewal = try #require(store.successes.last)
    #expect(try #require(election.ended) <= renewal + 10)
  }

  /// The standby may have seen a renewal long before its answer came to us.
  @Test @EventLoop func aRenewalCountsFromItsBeginning() async throws {
    let store = PretendedLease()
    store.latencies = [.answers(0.1), .answers(0.1), .answers(4.9)]
    store.otherwise = .hangs
    let election = Election(store)
    await election.run()
    let renewal = try #require(store.successes.last)
    #expect(store.requests.filter { $0.verb == "PUT" }.contains { $0.moment == renewal })
    #expect(try #require(election.ended) <= renewal + 10)
  }

  @Test @EventLoop func aProcessThatWasStoppedSendsNothingMore() async throws {
    let store = PretendedLease()
    store.otherwise = .answers(0.01)
    let election = Election(store)
    store.clock.stops = [(after: 20, seconds: 60)]
    await election.run()
    let ended = try #require(election.ended)
    #expect(ended > 80)
    #expect(store.requests.allSatisfy { $0.moment < 60 }, "it noticed before it acted")
    #expect(election.heldUntil < ended)
  }

  @Test @EventLoop func anAnswerThatComesAfterTheDeadlineIsTooLate() async throws {
    let store = PretendedLease()
    store.latencies = [.answers(0.1), .answers(0.1), .answersAfterAStop(60)]
    store.otherwise = .answers(0.1)
    let election = Election(store)
    await election.run()
    #expect(try #require(election.ended) > 60)
    #expect(election.heldUntil < 13)
  }

  @Test @EventLoop func renewalsAreSingleRequests() async throws {
    let store = PretendedLease()
    store.otherwise = .answers(0.01)
    let election = Election(store)
    await election.run(atMost: 30)
    #expect(store.requests.map(\.verb).prefix(2) == ["GET", "POST"])
    #expect(store.requests.dropFirst(2).allSatisfy { $0.verb == "PUT" })
    #expect((10...17).contains(store.requests.count))
    #expect(store.lease?.spec.leaseTransitions == 0)
  }

  @Test @EventLoop func anotherHolderEndsItAtOnce() async throws {
    let store = PretendedLease()
    store.otherwise = .answers(0.01)
    store.onRequest = { [unowned store] in
      if store.clock.now > 6, store.lease?.spec.holderIdentity == "us" { store.give(to: "them") }
    }
    let election = Election(store)
    await election.run()
    #expect(try #require(election.ended) < 9)
    #expect(election.lines.all.contains { $0.contains("is held by them") })
  }

  @Test @EventLoop func aLeaseThatWasDeletedIsMadeAgain() async throws {
    let store = PretendedLease()
    store.otherwise = .answers(0.01)
    store.onRequest = { [unowned store] in
      if store.requests.count == 4 { store.lease = nil }
    }
    let election = Election(store)
    await election.run(atMost: 30)
    #expect(store.requests.count { $0.verb == "POST" } == 2)
    #expect(store.lease?.spec.holderIdentity == "us")
  }

  /// Whatever the record's own times say: they are another host's clock.
  @Test @EventLoop func aStandbyTakesOverWhenTheRecordHasNotChangedForItsLifetime() async throws {
    let store = PretendedLease()
    store.give(to: "them")
    store.lease?.spec.renewTime = "2001-01-01T00:00:00.000000Z"
    store.otherwise = .answers(0.01)
    let election = Election(store)
    await election.run(atMost: 40)
    let began = try #require(election.began)
    // Seen first by the second request at the latest; then tries 2 to 2.4 s apart.
    #expect((15...20).contains(began))
    #expect(store.lease?.spec.leaseTransitions == 1)
  }

  @Test @EventLoop func aRecordThatChangesIsLeftToItsHolder() async throws {
    let store = PretendedLease()
    store.give(to: "them")
    store.otherwise = .answers(0.01)
    store.onRequest = { [unowned store] in store.give(to: "them") }
    let election = Election(store)
    await election.run(atMost: 60)
    #expect(election.began == nil)
    #expect(store.requests.allSatisfy { $0.verb == "GET" })
  }
}
