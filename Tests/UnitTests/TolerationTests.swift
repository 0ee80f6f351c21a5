import Testing

@testable import Kubernetes
@testable import pbs_broker

/// Which taints keep a pod off a node, and what its job asks for because of them.
@Suite struct TolerationTests {
  private static let red = Taint(key: "example.org/color", value: "red")
  private static let redNow = Taint(key: "example.org/color", value: "red", effect: "NoExecute")
  private static let hint = Taint(key: "example.org/color", effect: "PreferNoSchedule")

  static let cases: [(Toleration?, [Taint], Taint?)] = [
    (nil, [red], red),
    (nil, [hint], nil),
    (nil, [redNow], redNow),
    (Toleration(key: red.key, value: "red"), [red, redNow], nil),
    (Toleration(key: red.key, operator: "Equal", value: "blue"), [red], red),
    (Toleration(key: red.key, operator: "Exists"), [red, redNow], nil),
    (Toleration(key: red.key, operator: "Exists", effect: "NoSchedule"), [red, redNow], redNow),
    (Toleration(operator: "Exists"), [red, Taint(key: "other")], nil),
    (Toleration(key: "other", operator: "Exists"), [red], red),
    (Toleration(key: "", value: "red"), [red], red),
    (Toleration(key: red.key, operator: "Lt", value: "red"), [red], red),
  ]

  @Test(arguments: cases)
  func aTaintThatIsNotToleratedKeepsAPodOff(
    _ toleration: Toleration?, _ taints: [Taint], _ kept: Taint?
  ) {
    #expect(Self.pod(toleration).untolerated(taints) == kept)
  }

  private static func pod(_ toleration: Toleration? = nil) -> Pod {
    var spec = PodSpec(containers: [Container(name: "a", requests: ["cpu": "1"])])
    spec.tolerations = toleration.map { [$0] }
    return Pod(
      metadata: ObjectMeta(name: "redis", namespace: "default", uid: "uid-1"), spec: spec)
  }

  private static func context(tainted: [String], of hosts: [String]) -> TranslationContext {
    let nodes = hosts.map { Node(metadata: ObjectMeta(name: $0), ready: true) }
    let vnodes = hosts.map { PBSVnode(name: $0, host: $0) }
    var context = TranslationContext(
      cluster: "c-1", hostMap: HostMap(nodes: nodes, hosts: PBSHosts(vnodes: vnodes)))
    context.taints = HostTaints(
      tainted.reduce(into: [:]) { $0[$1] = [red] }, on: context.hostMap)
    return context
  }

  private static func outcome(
    _ toleration: Toleration? = nil, tainted: [String], of hosts: [String],
    _ change: (inout TranslationContext) -> Void = { _ in }
  ) -> String {
    var context = context(tainted: tainted, of: hosts)
    change(&context)
    do throws(Refusal) {
      return try PodTranslation.job(for: pod(toleration), in: context).submittedSelect
    } catch {
      return error.description
    }
  }

  @Test func whatPBSCanBeToldItIs() {
    let free = Self.outcome(tainted: [], of: ["n1", "n2"])
    #expect(Self.outcome(tainted: ["n1"], of: ["n1", "n2", "n3"]) == free)
    #expect(Self.outcome(tainted: ["n1"], of: ["n1", "n2"]) == free + ":host=n2")
    let none = Self.outcome(tainted: ["n1", "n2"], of: ["n1", "n2"])
    #expect(none.contains("n1: example.org/color=red:NoSchedule, n2: "))
    let tolerated = Toleration(key: Self.red.key, operator: "Exists")
    #expect(Self.outcome(tolerated, tainted: ["n1", "n2"], of: ["n1", "n2"]) == free)
    // Nodes that are no hosts of PBS, such as those of the control plane, do not count.
    #expect(Self.outcome(tainted: ["control"], of: ["n1", "n2"]) == free)
  }

  @Test func aSiteSaysWhichTaintsCountAndWhatStandsForThem() {
    let free = Self.outcome(tainted: [], of: ["n1", "n2"])
    #expect(
      Self.outcome(tainted: ["n1", "n2"], of: ["n1", "n2"]) {
        $0.policy.ignoredTaints = [Self.red.key]
      } == free)
    let asks = { (context: inout TranslationContext) in
      context.policy.taintResources = [Self.red.key: ("color", "none")]
    }
    #expect(Self.outcome(tainted: [], of: ["n1"], asks) == free + ":color=none")
    let some = Toleration(key: Self.red.key, value: "blue")
    #expect(Self.outcome(some, tainted: [], of: ["n1"], asks) == free)
  }
}
