import FoundationEssentials
import ManualTime
import Testing

@testable import Messages
@testable import Runtime
@testable import Wire
@testable import pbs_broker

/// What becomes of a message and of the answers to it.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct OutboxTests {
  private let folder: TemporaryFolder
  private let lines = LogLines()
  private static let pod = PodReference(uid: "uid-1", namespace: "default", name: "redis")
  private static let bind = BrokerMessage.bind(
    .init(pod: pod, node: "node1", job: "5.s", runCount: 1))
  private static let report = BrokerMessage.report(
    .init(
      pod: pod, job: "5.s", reason: "FailedScheduling", message: "waits", warning: true,
      unscheduled: true))

  private let clock: ManualClock

  @EventLoop init() throws {
    folder = try TemporaryFolder()
    clock = ManualClock()
  }

  @EventLoop private func outbox(belief: Double) throws -> Outbox {
    let publisher = try Publisher(
      path: "\(folder.path)/b.sock", role: .pbsBroker, instance: "broker-1", consumers: .binder,
      allowedPeers: [], clock: clock, log: lines.logger)
    let outbox = Outbox(publisher: publisher, belief: belief, clock: clock, log: lines.logger)
    outbox.owns = { _ in true }
    outbox.ownerOf = { _ in "binder-1" }
    outbox.hearsSince = { 0 }
    return outbox
  }

  @EventLoop private func want(_ message: BrokerMessage?, _ outbox: Outbox) {
    outbox.want(message, for: "uid-1", name: "default/redis", isGone: false)
  }

  private func answer(
    _ request: String, _ result: BinderMessage.Result, id: Int? = nil
  ) -> BinderMessage.Outcome {
    .init(pod: Self.pod, id: id, request: request, job: "5.s", result: result, message: nil)
  }

  /// An etcd that was restored has undone a binding, or a binder has told what is not so.
  @Test(arguments: [BinderMessage.Result.bound, .gone, .finished, .conflict])
  @EventLoop func whatWasAnsweredAsDoneAndIsNotIsAskedForAgain(
    _ result: BinderMessage.Result
  ) async throws {
    let outbox = try outbox(belief: 30)
    want(Self.bind, outbox)
    #expect(
      outbox.settle(answer("bind", result, id: 1), from: "binder-1", name: "default/redis") != nil)
    #expect(!outbox.isOpen("uid-1"))
    let isOpen = await clock.soon {
      want(Self.bind, outbox)
      return outbox.isOpen("uid-1")
    }
    #expect(isOpen)
    // The answer to the first asking is not one to the second.
    #expect(
      outbox.settle(answer("bind", result, id: 1), from: "binder-1", name: "default/redis") == nil)
    #expect(
      outbox.settle(answer("bind", result, id: 2), from: "binder-1", name: "default/redis") != nil)
    #expect(lines.all.count { $0.contains("asked again") } == 1)
  }

  @Test @EventLoop func whatWasAnsweredIsNotAskedForAllTheTime() async throws {
    let outbox = try outbox(belief: 60)
    want(Self.bind, outbox)
    _ = outbox.settle(answer("bind", .bound), from: "binder-1", name: "default/redis")
    for _ in 0..<100 { want(Self.bind, outbox) }
    #expect(!outbox.isOpen("uid-1"))
  }

  @Test @EventLoop func aReportThatWasTakenIsNotRepeated() async throws {
    let outbox = try outbox(belief: 1)
    outbox.shows = { $0 == Self.report }
    want(Self.report, outbox)
    _ = outbox.settle(answer("report", .reported), from: "binder-1", name: "default/redis")
    await clock.advance(by: 100)
    want(Self.report, outbox)
    #expect(!outbox.isOpen("uid-1"))
  }

  @Test @EventLoop func anAnswerToAnOlderMessageOfTheSameWordsIsNoAnswer() throws {
    let outbox = try outbox(belief: 60)
    want(Self.bind, outbox)
    want(nil, outbox)
    want(Self.bind, outbox)
    #expect(
      outbox.settle(answer("bind", .bound, id: 1), from: "binder-1", name: "default/redis") == nil)
    #expect(outbox.isOpen("uid-1"))
    #expect(
      outbox.settle(answer("bind", .bound, id: 3), from: "binder-1", name: "default/redis") != nil)
  }
}
