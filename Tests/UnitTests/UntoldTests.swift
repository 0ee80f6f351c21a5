import Testing

@testable import Kubernetes
@testable import Messages
@testable import Runtime
@testable import pbs_broker

/// Nodes and claims that went while pbs-broker heard nothing.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct UntoldTests {
  @EventLoop private static func world() -> World {
    World(
      user: "pbs-broker", hosts: [:], jitter: Jitter(seed: 1), log: LogLines().logger)
  }

  private static func claim(_ name: String) -> VolumeClaim {
    VolumeClaim(namespace: "default", name: name)
  }

  @Test @EventLoop func whatIsNotToldAgainIsGone() {
    let world = Self.world()
    world.watcherConnected()
    for name in ["node1", "node2"] { world.update(Node(name)) }
    for name in ["a", "b"] { world.update(Self.claim(name)) }
    #expect(world.untold.nodes.isEmpty && world.untold.claims.isEmpty)
    world.watcherSynced(now: 1)
    world.watcherDisconnected()
    world.watcherConnected()
    world.update(Node("node2"))
    world.update(Self.claim("a"))
    #expect(world.untold.nodes == ["node1"])
    #expect(world.untold.claims == [Self.claim("b")])
    world.removeNode("node1")
    world.removeClaim(namespace: "default", name: "b")
    #expect(world.untold.nodes.isEmpty && world.untold.claims.isEmpty)
    #expect(!world.hostMap.nodes.contains("node1"))
  }
}
