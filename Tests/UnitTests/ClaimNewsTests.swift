import Testing

@testable import Kubernetes
@testable import Runtime
@testable import Startup
@testable import pbs_broker

/// Which pods are compared with their jobs when a volume claim changes: with many pods and claims, no
/// others may be.
@Suite(.runningLoop)
struct ClaimNewsTests {
  @EventLoop private func world() -> World {
    World(user: "pbs-broker", hosts: [:], jitter: Jitter(seed: 1), log: LogLines().logger)
  }

  /// A pod that uses a claim, or none, on a node or not.
  private func pod(_ uid: String, claim: String? = nil, node: String? = nil) throws -> Pod {
    let volumes =
      claim.map { "volumes: [{name: v, persistentVolumeClaim: {claimName: \($0)}}]," } ?? ""
    let place = node.map { "nodeName: \($0)," } ?? ""
    return try Pod(
      spec: YAMLValue(parsing: "{\(place) \(volumes) containers: [{name: a}]}"),
      metadata: YAMLValue(parsing: "{name: \(uid), uid: \(uid)}"))
  }

  @Test @EventLoop func onlyThePodsThatWaitForAClaimHearOfIt() throws {
    let world = world()
    for pod in [
      try pod("waits", claim: "data"), try pod("too", claim: "data"),
      try pod("bound", claim: "data", node: "node1"), try pod("other", claim: "logs"),
      try pod("plain"),
    ] {
      _ = world.update(pod, owner: nil, now: 0)
    }
    _ = world.takeChanged()
    world.update(VolumeClaim(namespace: "default", name: "data"))
    #expect(world.takeChanged() == ["waits", "too"])
    world.update(VolumeClaim(namespace: "elsewhere", name: "data"))
    #expect(world.takeChanged().isEmpty)
    world.forget("too")
    world.removeClaim(namespace: "default", name: "data")
    #expect(world.takeChanged() == ["waits"])
  }

  @Test @EventLoop func whoeverWaitedForWhatIsLetGoHearsOfIt() throws {
    let world = world()
    let (user, _) = try #require(
      world.update(try pod("user", claim: "data", node: "node1"), owner: nil, now: 0))
    _ = world.update(try pod("waits", claim: "data"), owner: nil, now: 0)
    _ = world.update(try pod("other", claim: "logs"), owner: nil, now: 0)
    world.noteClaims(of: user)
    _ = world.takeChanged()
    world.noteClaims(of: user)
    #expect(world.takeChanged().isEmpty)
    user.isGone = true
    world.noteClaims(of: user)
    #expect(world.takeChanged() == ["waits"])
    world.noteClaims(of: user)
    #expect(world.takeChanged().isEmpty)
  }
}
