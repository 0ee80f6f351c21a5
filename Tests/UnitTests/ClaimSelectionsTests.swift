import ManualTime
import Testing

@testable import Messages
@testable import Runtime
@testable import Wire
@testable import pbs_broker

/// What becomes of a claim's node that binders are asked for, and of their answers.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct ClaimSelectionsTests {
  private let folder: TemporaryFolder
  private let lines = LogLines()
  private let clock: ManualClock
  private let publisher: Publisher
  private let selections: ClaimSelections

  private static let pod = PodReference(uid: "uid-1", namespace: "default", name: "redis")

  @EventLoop init() throws {
    folder = try TemporaryFolder()
    clock = ManualClock()
    publisher = try Publisher(
      path: "\(folder.path)/b.sock", role: .pbsBroker, instance: "broker-1", consumers: .binder,
      allowedPeers: [], clock: clock, log: lines.logger)
    selections = ClaimSelections(publisher: publisher, clock: clock, log: lines.logger)
    selections.owns = { _ in true }
    selections.ownerOf = { _ in "binder-1" }
  }

  private func select(_ claim: String = "data", node: String = "node1") -> SelectNode {
    SelectNode(
      pod: Self.pod, claim: ClaimReference(uid: "uid-of-\(claim)", name: claim), node: node,
      job: "5.s")
  }

  @EventLoop @discardableResult private func answer(
    _ result: BinderMessage.ClaimOutcome.Result, id: Int, from binder: String = "binder-1"
  ) -> Bool {
    selections.settle(
      .init(
        pod: Self.pod, claim: select().claim, id: id, result: result, message: "words"),
      from: binder)
  }

  /// How many claims binders are asked for.
  @EventLoop private var asked: Int { publisher.objects().count }

  @Test @EventLoop func eachClaimIsAskedForUntilItIsAnswered() {
    selections.want([select(), select("logs")], for: "uid-1")
    selections.want([select(), select("logs")], for: "uid-1")
    #expect(asked == 2 && publisher.objects().allSatisfy { $0.uid == "uid-1" })
    #expect(answer(.selected, id: 1) || answer(.selected, id: 2))
    #expect(asked == 1)
  }

  @Test @EventLoop func onlyTheOwnersAnswerToTheNewestAskingCounts() {
    selections.want([select()], for: "uid-1")
    #expect(!answer(.selected, id: 1, from: "binder-2"))
    #expect(!answer(.selected, id: 7))
    selections.want([select(node: "node2")], for: "uid-1")
    #expect(!answer(.selected, id: 1))
    #expect(answer(.selected, id: 2) && asked == 0)
  }

  @Test @EventLoop func whatIsNoLongerWantedIsForgotten() {
    selections.want([select()], for: "uid-1")
    selections.want([], for: "uid-1")
    #expect(asked == 0 && selections.count == 0)
    #expect(!answer(.selected, id: 1))
  }

  @Test(arguments: [BinderMessage.ClaimOutcome.Result.refused, .retry])
  @EventLoop func aRefusalBacksOffAndIsToldOf(
    _ result: BinderMessage.ClaimOutcome.Result
  ) async {
    selections.want([select()], for: "uid-1")
    for _ in 0..<3 {
      #expect(answer(result, id: 1))
      await clock.advance(by: 1000)
    }
    #expect(selections.trouble(of: "uid-1") == "binder: \(result.rawValue): words")
    #expect(lines.all.count { $0.hasPrefix("error") } == (result == .refused ? 1 : 0))
    answer(.selected, id: 1)
    #expect(selections.trouble(of: "uid-1") == nil)
  }

  /// As where all binders are of an older release.
  @Test @EventLoop func silenceIsToldOf() async {
    selections.want([select()], for: "uid-1")
    #expect(selections.trouble(of: "uid-1") == nil)
    await clock.advance(by: 31)
    #expect(selections.trouble(of: "uid-1")?.hasPrefix("no binder answers") == true)
  }

  @Test @EventLoop func whatWasAnsweredAndDoesNotShowIsAskedForAgain() async {
    selections.want([select()], for: "uid-1")
    answer(.selected, id: 1)
    for _ in 0..<10 { selections.want([select()], for: "uid-1") }
    #expect(asked == 0)
    await clock.advance(by: 31)
    selections.want([select()], for: "uid-1")
    #expect(asked == 1)
    #expect(!answer(.selected, id: 1) && answer(.selected, id: 2))
  }
}
