import Testing

@testable import Kubernetes
@testable import Runtime
@testable import pbs_broker

/// After a wait one pod tries first, on a clock that the test moves.
@Suite struct RejectionTrialsTests {
  private typealias Key = RejectionBackoff.Key
  private static let node = Key.node("node1")
  private static let owner = Key.owner(namespace: "default", uid: "owner")

  private static func pod(_ uid: String, _ phase: String, reason: String? = nil) -> Pod {
    var pod = Pod(
      metadata: ObjectMeta(name: uid, namespace: "default", uid: uid),
      spec: PodSpec(containers: [Container(name: "a", requests: ["cpu": "1"])]),
      status: PodStatus(phase: phase))
    pod.spec.nodeName = "node1"
    pod.status?.reason = reason
    pod.metadata.ownerReferences = [OwnerReference(uid: "owner", controller: true)]
    return pod
  }

  /// Which of these pods go on at a moment, in this order.
  private static func going(
    _ backoff: inout RejectionBackoff, _ key: Key, _ uids: [String], now: Double
  ) -> [String] {
    uids.filter { uid in
      guard backoff.wait(key, now: now, pod: uid) == nil else { return false }
      backoff.tries(key, pod: uid, now: now)
      return true
    }
  }

  /// Rejected at 0, and the moment at which its wait ends.
  private static func rejected(_ key: Key) throws -> (RejectionBackoff, Double) {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    backoff.rejected(key, reason: "OutOfcpu", now: 0)
    return (backoff, try #require(backoff.wait(key, now: 0)).until)
  }

  private static let uids = (0..<20).map { "pod-\($0)" }

  @Test(arguments: [node, owner, .placement(namespace: "default", text: "1:ncpus=1")])
  func oneGoesFirstAndThenTwiceAsManyEachTime(_ key: RejectionBackoff.Key) throws {
    var (backoff, now) = try Self.rejected(key)
    var waiting = Self.uids
    var steps: [Int] = []
    while !waiting.isEmpty {
      let going = Self.going(&backoff, key, waiting, now: now)
      steps.append(going.count)
      // The same one asks again and again until its binding shows.
      #expect(Self.going(&backoff, key, going, now: now + 1) == going)
      now += 2
      for uid in going { backoff.accepted(key, pod: uid, boundSince: now) }
      waiting.removeAll { going.contains($0) }
    }
    #expect(steps == [1, 2, 4, 8, 5])
    #expect(backoff.trials.isEmpty && backoff.wait(key, now: now) == nil)
  }

  @Test func theOthersWaitAgainWhenItIsRejected() throws {
    var (backoff, now) = try Self.rejected(Self.node)
    #expect(Self.going(&backoff, Self.node, Self.uids, now: now) == ["pod-0"])
    #expect(backoff.wait(Self.node, now: now, pod: "pod-1")?.reason == "OutOfcpu")
    _ = backoff.note(
      Self.pod("pod-0", "Failed", reason: "OutOfcpu"), before: Self.pod("pod-0", "Pending"),
      boundSince: now, now: now)
    let wait = try #require(backoff.wait(Self.node, now: now, pod: "pod-1")).until - now
    #expect((10...20).contains(wait))
    now += wait
    #expect(Self.going(&backoff, Self.node, Self.uids, now: now) == ["pod-0"])
  }

  /// Its job waits in PBS, or its kubelet hangs.
  @Test func aTrialOfWhichNothingIsHeardDoesNotHoldUpTheOthersForEver() throws {
    var (backoff, now) = try Self.rejected(Self.owner)
    var steps: [Int] = []
    var waiting = Self.uids
    while !waiting.isEmpty {
      let going = Self.going(&backoff, Self.owner, waiting, now: now)
      steps.append(going.count)
      waiting.removeAll { going.contains($0) }
      guard let next = waiting.first else { break }
      let until = try #require(backoff.wait(Self.owner, now: now, pod: next)).until
      #expect(until - now <= RejectionBackoff.trialPatience)
      now = until
    }
    #expect(steps == [1, 2, 4, 8, 5])
  }

  @Test func aTrialThatEndsWithoutAnOutcomeMakesRoomForAnother() throws {
    var (backoff, now) = try Self.rejected(Self.node)
    #expect(Self.going(&backoff, Self.node, Self.uids, now: now) == ["pod-0"])
    now += 1
    backoff.endTrials(of: "pod-0")
    #expect(Self.going(&backoff, Self.node, Array(Self.uids.dropFirst()), now: now) == ["pod-1"])
    backoff.endTrials(of: "pod-1", only: Self.owner)
    #expect(backoff.wait(Self.node, now: now, pod: "pod-2") != nil)
    backoff.endTrials(of: "pod-1", only: Self.node)
    #expect(backoff.wait(Self.node, now: now, pod: "pod-2") == nil && backoff.trials.isEmpty)
  }

  @Test func smallerPodsNeitherTryNorWait() throws {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    backoff.rejected(Self.node, reason: "OutOfcpu", now: 0, sizes: ["cpu": 2000])
    let now = try #require(backoff.wait(Self.node, now: 0)).until
    let small = Amounts(milliCPU: 1000, pods: 1)
    let large = Amounts(milliCPU: 2000, pods: 1)
    backoff.tries(Self.node, pod: "small", asked: small, now: now)
    #expect(backoff.wait(Self.node, now: now, asked: large, pod: "large") == nil)
    backoff.tries(Self.node, pod: "large", asked: large, now: now)
    #expect(backoff.wait(Self.node, now: now, asked: large, pod: "other") != nil)
    #expect(backoff.wait(Self.node, now: now, asked: small, pod: "other") == nil)
  }

  @Test func afterACalmAllGoOn() throws {
    var (backoff, _) = try Self.rejected(Self.node)
    let now = RejectionBackoff.calm + 1
    #expect(Self.going(&backoff, Self.node, Self.uids, now: now) == Self.uids)
  }

  /// It may be the very pod that fills the node.
  @Test func aPodThatWasBoundBeforeSaysNothing() throws {
    var (backoff, until) = try Self.rejected(Self.node)
    _ = backoff.note(
      Self.pod("former", "Running"), before: Self.pod("former", "Pending"), boundSince: -1, now: 1)
    #expect(backoff.wait(Self.node, now: 2)?.until == until)
    until -= 1
    _ = backoff.note(
      Self.pod("later", "Running"), before: Self.pod("later", "Pending"), boundSince: 1, now: 2)
    #expect(backoff.wait(Self.node, now: 2) == nil)
  }

  /// Pulling its images may take long.
  @Test func kubeletsConditionShowsThatItHasTakenAPod() {
    var pod = Self.pod("a", "Pending")
    #expect(!pod.isTakenByKubelet)
    pod.status?.conditions = [PodCondition(type: "PodScheduled", status: "True")]
    #expect(!pod.isTakenByKubelet)
    pod.status?.conditions?.append(PodCondition(type: "Ready", status: "False"))
    #expect(pod.isTakenByKubelet)
    #expect(
      Self.pod("a", "Running").isTakenByKubelet && Self.pod("a", "Succeeded").isTakenByKubelet)
    #expect(!Self.pod("a", "Failed", reason: "OutOfcpu").isTakenByKubelet)
  }

  /// PBS starts as many jobs as there are pods, and the node has room for two of eight, which run for
  /// so many seconds.
  @Test(arguments: [(seconds: 1e9, most: 6 + 12), (seconds: 300.0, most: 40)])
  func manyPodsOfAControllerAreRejectedAHandfulOfTimes(_ seconds: Double, _ most: Int) {
    var loop = Loop(seconds: seconds)
    for now in 0..<3600 { loop.step(Double(now)) }
    #expect(loop.rejections <= most, "\(loop.rejections)")
    #expect(loop.firstMinutes <= 6 + 5, "\(loop.firstMinutes)")
    // What fits runs: the place of one that has ended is not empty for long.
    #expect(loop.taken >= (seconds > 3600 ? 2 : 14), "\(loop.taken)")
  }

  /// Eight pods of a controller, submitted and bound a second later each, as far as nothing says to wait.
  private struct Loop {
    private enum Stage { case waiting, submitted, bound }

    let seconds: Double
    private var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    private var pods: [(uid: String, stage: Stage, since: Double)] = []
    private var running: [Double] = []
    private var made = 0
    private(set) var rejections = 0
    private(set) var firstMinutes = 0
    private(set) var taken = 0

    init(seconds: Double) { self.seconds = seconds }

    mutating func step(_ now: Double) {
      running.removeAll { now - $0 >= seconds }
      while pods.count + running.count < 8 {
        pods.append(("pod-\(made)", .waiting, now))
        made += 1
      }
      for index in pods.indices.reversed() where pods[index].since < now || now == 0 {
        let uid = pods[index].uid
        switch pods[index].stage {
        case .waiting: go(index, RejectionTrialsTests.owner, to: .submitted, now)
        case .submitted: go(index, RejectionTrialsTests.node, to: .bound, now)
        case .bound:
          judge(uid, boundSince: pods[index].since, now)
          pods.remove(at: index)
        }
      }
    }

    private mutating func go(_ index: Int, _ key: Key, to stage: Stage, _ now: Double) {
      guard backoff.wait(key, now: now, pod: pods[index].uid) == nil else { return }
      backoff.tries(
        key, pod: pods[index].uid, asked: Amounts(milliCPU: 1000, pods: 1), now: now)
      pods[index].stage = stage
      pods[index].since = now
    }

    private mutating func judge(_ uid: String, boundSince: Double, _ now: Double) {
      let isTaken = running.count < 2
      let after =
        isTaken
        ? RejectionTrialsTests.pod(uid, "Running")
        : RejectionTrialsTests.pod(uid, "Failed", reason: "OutOfcpu")
      _ = backoff.note(
        after, before: RejectionTrialsTests.pod(uid, "Pending"), boundSince: boundSince, now: now)
      if isTaken {
        running.append(now)
        taken += 1
      } else {
        rejections += 1
        if now < 300 { firstMinutes += 1 }
      }
    }
  }
}
