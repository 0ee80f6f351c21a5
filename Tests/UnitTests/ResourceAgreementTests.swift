import Testing

@testable import Kubernetes
@testable import Messages
@testable import pbs_broker

/// What a host of PBS is to have of its node's cpus and memory: a table.
@Suite struct ResourceAgreementTests {
  private static let mark = "c-1/mem=8192kb/ncpus=2"
  private static let wanted: ResourceAgreement.Values = ["ncpus": 2, "mem": 8192 << 10]

  private static func vnode(_ resources: [String: String]) -> PBSVnode {
    PBSVnode(name: "node1", host: "node1", resources: resources)
  }

  private static func step(
    _ resources: [String: String], wanted: ResourceAgreement.Values = wanted,
    rises: inout [String: ResourceAgreement.Rise], now: Double = 1000
  ) -> ResourceAgreement.Step {
    ResourceAgreement.step(
      wanted, vnode(resources), cluster: "c-1", rises: &rises, rest: 600, now: now)
  }

  private static func step(_ resources: [String: String]) -> ResourceAgreement.Step {
    var rises: [String: ResourceAgreement.Rise] = [:]
    return step(resources, rises: &rises)
  }

  static let nodes:
    [(milliCPU: Int, daemons: Int, cpu: TranslationPolicy.Counterpart?, [String: Int])] = [
      (2000, 0, nil, ["ncpus": 2, "mem": 8192 << 10]),
      (2000, 100, nil, ["ncpus": 1, "mem": 8192 << 10]),
      (2000, 2500, nil, ["ncpus": 0, "mem": 8192 << 10]),
      (
        2000, 150, .resource("millis", unit: Quantity(nano: 100_000_000)),
        ["millis": 18, "mem": 8192 << 10]
      ),
      (0, 0, nil, [:]),
    ]

  @Test(arguments: nodes)
  func aNodeTellsWhatItsHostIsToHave(
    _ milliCPU: Int, _ daemons: Int, _ cpu: TranslationPolicy.Counterpart?,
    _ values: [String: Int]
  ) {
    var node = Node(metadata: ObjectMeta(name: "node1"), ready: true)
    node.status?.allocatable = Amounts(milliCPU: milliCPU, memory: (8192 << 10) + 900, pods: 110)
    var use = NodeUse(node: "node1")
    use.daemons = Amounts(milliCPU: daemons)
    // What comes and goes does not count.
    use.others = Amounts(milliCPU: 500, memory: 1 << 20)
    use.native = Amounts(milliCPU: 500, memory: 1 << 20)
    #expect(ResourceAgreement.wanted(node, use, cpu: cpu) ?? [:] == values)
  }

  @Test func aNodeThatIsNotReadyTellsNothing() {
    var node = Node(metadata: ObjectMeta(name: "node1"), ready: false)
    node.status?.allocatable = Amounts(milliCPU: 2000, memory: 1 << 30)
    #expect(ResourceAgreement.wanted(node, NodeUse(node: "node1"), cpu: nil) == nil)
  }

  static let hosts:
    [(resources: [String: String], sets: [String: Int], mark: String, overruled: [String])] = [
      // The first time it is set at once, down or up.
      (["ncpus": "8", "mem": "8192kb"], ["ncpus": 2], mark, []),
      (["ncpus": "1", "mem": "8mb"], ["ncpus": 2], mark, []),
      ([:], ["ncpus": 2, "mem": 8192 << 10], mark, []),
      // What agrees is noted, so that another value is known to be somebody's.
      (["ncpus": "2", "mem": "8mb"], [:], mark, []),
      (["ncpus": "2", "mem": "8192kb", "k8s_capacity": mark], [:], mark, []),
      // Ours, and too much by now.
      (
        ["ncpus": "4", "mem": "8192kb", "k8s_capacity": "c-1/mem=8192kb/ncpus=4"], ["ncpus": 2],
        mark, []
      ),
      // Set by hand after us, each resource by itself.
      (
        ["ncpus": "8", "mem": "8192kb", "k8s_capacity": mark], [:], mark, ["ncpus"]
      ),
      (
        ["ncpus": "1", "mem": "9000kb", "k8s_capacity": "c-1/mem=9000kb/ncpus=2"],
        ["mem": 8192 << 10], mark, ["ncpus"]
      ),
      // Once it is what the node has, it is ours again.
      (
        ["ncpus": "2", "mem": "8192kb", "k8s_capacity": "c-1/mem=8192kb/ncpus=4"], [:], mark, []
      ),
      // Not a number: somebody's.
      (
        ["ncpus": "@node2", "mem": "8192kb", "k8s_capacity": mark], [:], "c-1/mem=8192kb", ["ncpus"]
      ),
    ]

  @Test(arguments: hosts)
  func aHostGetsWhatItsNodeHas(
    _ resources: [String: String], _ sets: [String: Int], _ mark: String, _ overruled: [String]
  ) {
    let step = Self.step(resources)
    #expect(step.values == sets)
    #expect(step.mark.text == mark)
    #expect(step.overruled == overruled)
  }

  /// The pod of a DaemonSet that is replaced is away for a moment.
  @Test func aValueGoesUpOnlyWhenTheNodeHasHadMoreForARest() {
    var rises: [String: ResourceAgreement.Rise] = [:]
    let present = ["ncpus": "2", "mem": "8192kb", "k8s_capacity": Self.mark]
    func values(_ ncpus: Int, _ now: Double) -> [String: Int] {
      Self.step(present, wanted: ["ncpus": ncpus, "mem": 8192 << 10], rises: &rises, now: now)
        .values
    }
    #expect(values(4, 1000) == [:])
    #expect(values(3, 1300) == [:])
    #expect(values(4, 1599) == [:])
    // The least of what was there all the time.
    #expect(values(4, 1600) == ["ncpus": 3])
    #expect(values(1, 1601) == ["ncpus": 1])
    // Begun anew.
    #expect(values(2, 1602) == [:])
    #expect(values(4, 1603) == [:])
    #expect(values(4, 2202) == [:])
    #expect(values(4, 2203) == ["ncpus": 4])
  }

  @Test(arguments: [
    ("", nil), ("c 1", nil), ("c-1", [:]), ("c-1/ncpus", nil), ("c-1/=2", nil),
    ("c-1/ncpus=many", nil), ("c-1/ncpus=2/mem=8192kb", ["ncpus": 2, "mem": 8192 << 10]),
  ])
  func marksAreReadStrictly(_ text: String, _ values: [String: Int]?) {
    #expect(CapacityMark(text)?.values == values)
  }
}
