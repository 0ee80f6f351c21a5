import Glibc
import ManualTime
import Synchronization
import Testing

@testable import Runtime
@testable import pbs_broker

/// What a host says of users, without the loop waiting for it.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct UserDirectoryTests {
  /// A directory service that answers as a test says, and counts how often it is asked.
  private final class Service: Sendable {
    private struct State {
      var answers: [String: UserAnswer] = [:]
      var asked: [String] = []
    }

    private let state = Mutex(State())
    /// While it hangs, nothing is answered.
    let hangs = Atomic<Bool>(false)

    func says(_ answer: UserAnswer, of name: String) {
      state.withLock { $0.answers[name] = answer }
    }

    func count(_ name: String) -> Int { state.withLock { $0.asked.count { $0 == name } } }

    func look(_ name: String) -> UserAnswer {
      state.withLock { $0.asked.append(name) }
      while hangs.load(ordering: .acquiring) { usleep(1000) }
      return state.withLock { $0.answers[name] ?? .unknown }
    }
  }

  private static func user(_ name: String) -> PBSUser {
    PBSUser(name: name, uid: 4001, home: "/home/\(name)", shell: "/bin/sh")
  }

  @EventLoop private static func directory(
    _ service: Service, _ clock: any Clock
  ) -> UserDirectory {
    UserDirectory(clock: clock) { service.look($0) }
  }

  @Test @EventLoop func aKnownUserIsAskedForOnceInAMinute() async {
    let service = Service()
    let clock = ManualClock(seed: 1)
    let directory = Self.directory(service, clock)
    service.says(.known(Self.user("anna")), of: "anna")
    #expect(directory.answer(for: "anna") == nil)
    for _ in 0..<100 {
      #expect(await directory.find("anna") == .known(Self.user("anna")))
    }
    #expect(service.count("anna") == 1)
    await clock.advance(by: UserDirectory.fresh)
    // At once, by what was known; the next answer counts later.
    service.says(.unknown, of: "anna")
    #expect(await directory.find("anna") == .known(Self.user("anna")))
    #expect(await soon { directory.answer(for: "anna") == .unknown })
    #expect(service.count("anna") == 2)
  }

  /// One who comes into being later is found, without anybody asking.
  @Test @EventLoop func aUserWhoMattersIsAskedForUntilHeIsKnown() async {
    let service = Service()
    let clock = ManualClock(seed: 1)
    let directory = Self.directory(service, clock)
    var changes = 0
    directory.onChange = { _ in changes += 1 }
    directory.watch(["anna"])
    #expect(await soon { directory.answer(for: "anna") == .unknown })
    for _ in 0..<5 {
      #expect(await soon { directory.isIdle })
      clock.advanceToNext()
    }
    #expect(await soon { directory.isIdle })
    #expect(service.count("anna") == 6 && changes == 1)
    service.says(.known(Self.user("anna")), of: "anna")
    clock.advanceToNext()
    #expect(await soon { directory.answer(for: "anna") == .known(Self.user("anna")) })
    #expect(changes == 2)
    // From then on nothing is due.
    let asked = service.count("anna")
    await clock.advance(by: 3600)
    #expect(service.count("anna") == asked)
  }

  @Test @EventLoop func whatWasKnownBeforeAnybodyWatchedIsAskedForAgainToo() async {
    let service = Service()
    let clock = ManualClock(seed: 1)
    let directory = Self.directory(service, clock)
    directory.enter(["anna": .unknown])
    service.says(.known(Self.user("anna")), of: "anna")
    directory.watch(["anna"])
    #expect(service.count("anna") == 0)
    await clock.advance(by: 5)
    #expect(await soon { directory.answer(for: "anna") == .known(Self.user("anna")) })
  }

  @Test @EventLoop func aFailureIsNoWordAboutAUser() async {
    let service = Service()
    let clock = ManualClock(seed: 1)
    let directory = Self.directory(service, clock)
    service.says(.known(Self.user("anna")), of: "anna")
    _ = await directory.find("anna")
    service.says(.failed("Connection refused"), of: "anna")
    service.says(.failed("Connection refused"), of: "otto")
    await clock.advance(by: UserDirectory.fresh)
    #expect(await directory.find("anna") == .known(Self.user("anna")))
    #expect(await soon { service.count("anna") == 2 })
    #expect(await directory.find("anna") == .known(Self.user("anna")))
    #expect(await directory.find("otto") == .failed("Connection refused"))
    // Not asked again at once.
    #expect(await directory.find("otto") == .failed("Connection refused"))
    #expect(service.count("otto") == 1)
  }

  /// The loop goes on, other users are found, and as many threads hang as may.
  @Test @EventLoop func whatHangsStopsNobody() async {
    let service = Service()
    let clock = ManualClock(seed: 1)
    let directory = UserDirectory(clock: clock) { name in
      name.hasPrefix("slow") ? service.look(name) : .known(Self.user(name))
    }
    service.hangs.store(true, ordering: .releasing)
    let names = (0..<10).map { "slow-\($0)" }
    let first = Task { @EventLoop in await directory.find(names[0]) }
    #expect(await soon { service.count(names[0]) == 1 })
    #expect(await directory.find("anna") == .known(Self.user("anna")))
    let others = names.dropFirst().map { name in
      Task { @EventLoop in await directory.find(name) }
    }
    await clock.advance(by: UserDirectory.patience)
    for task in [first] + others {
      #expect(await task.value == .failed("no answer within 10 s"))
    }
    #expect(names.reduce(0) { $0 + service.count($1) } <= UserDirectory.mostAtOnce)
    service.hangs.store(false, ordering: .releasing)
    // What was answered late counts all the same, and then there is room again.
    #expect(await soon { directory.answer(for: names[0]) == .unknown })
    #expect(await directory.find("otto") == .known(Self.user("otto")))
  }

  @Test func theStartWaitsForSomeTimeAlone() {
    let answers = UserDirectory.ask(["root", "no-such-user"], within: 30)
    #expect(answers["no-such-user"] == .unknown)
    guard case .known(let root)? = answers["root"] else {
      Issue.record("there is no root")
      return
    }
    #expect(root.uid == 0 && root.home == "/root")
    let service = Service()
    service.hangs.store(true, ordering: .releasing)
    let some = UserDirectory.ask(["a", "b"], within: 0.05) { name in
      name == "a" ? .unknown : service.look(name)
    }
    #expect(some["b"] == nil)
    service.hangs.store(false, ordering: .releasing)
  }
}
