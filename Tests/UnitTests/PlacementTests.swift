import Testing

@testable import Kubernetes
@testable import pbs_broker

/// The host that a pod insists on, where little is known of hosts.
@Suite struct PlacementTests {
  private static func placement(_ label: String, _ value: String, _ map: HostMap) -> Placement {
    var spec = PodSpec(containers: [Container(name: "a")])
    spec.nodeSelector = [label: value]
    return Placement(
      Pod(metadata: ObjectMeta(name: "a"), spec: spec), selectedNodes: [], hostMap: map)
  }

  private static func map(_ hosts: [String]) -> HostMap {
    HostMap(
      nodes: [Node("node1", hostname: "node1", labels: ["kubernetes.io/os": "linux"])],
      hosts: PBSHosts(vnodes: hosts.map { PBSVnode(name: $0, host: $0) }))
  }

  /// Of no hosts at all each word would be true, that they are Windows' too.
  @Test(arguments: ["linux", "windows"])
  func whileNoNodeIsAHostAPlatformIsWaitedFor(_ system: String) {
    let placement = Self.placement("kubernetes.io/os", system, Self.map(["login"]))
    #expect(
      placement.waits == ["nodeSelector kubernetes.io/os: waits for a node that is a host of PBS"])
    #expect(placement.causes.isEmpty && placement.dependsOnHosts)
  }

  @Test func onceOneIsItIsCompared() {
    let map = Self.map(["login", "node1"])
    #expect(Self.placement("kubernetes.io/os", "linux", map).causes.isEmpty)
    #expect(Self.placement("kubernetes.io/os", "linux", map).waits.isEmpty)
    #expect(
      Self.placement("kubernetes.io/os", "windows", map).causes == [
        "nodeSelector kubernetes.io/os cannot be honoured by PBS: not all of its hosts are like that"
      ])
  }

  @Test func whilePBSHasNamedNoHostItWaits() {
    let placement = Self.placement("kubernetes.io/os", "linux", Self.map([]))
    #expect(placement.waits == ["waits for PBS to name its hosts"])
  }
}
