import Testing

@testable import Kubernetes
@testable import Messages
@testable import pbs_broker

/// PBS's hosts against Kubernetes' nodes.
@Suite struct DoctorTests {
  private static func vnode(
    _ name: String, host: String? = nil, cpus: Int = 2, memory: String = "8gb",
    others: [String: String] = [:]
  ) -> PBSVnode {
    var vnode = PBSVnode(name: name, host: host ?? name)
    vnode.resources = ["ncpus": "\(cpus)", "mem": memory].merging(others) { $1 }
    return vnode
  }

  private static func node(
    _ name: String, cpu: Int = 2000, memory: Int = 8 << 30, others: [String: Int] = [:],
    isReady: Bool = true, isCordoned: Bool = false
  ) -> Node {
    var node = Node(metadata: ObjectMeta(name: name), ready: isReady)
    node.status?.allocatable = Amounts(milliCPU: cpu, memory: memory, pods: 110, others: others)
    if isCordoned { node.spec = NodeSpec(unschedulable: true) }
    return node
  }

  private static func doctor(
    _ vnodes: [PBSVnode], _ nodes: [Node], uses: [NodeUse] = [],
    table: [String: String] = [:], resources: [String: TranslationPolicy.Counterpart] = [:]
  ) -> Doctor {
    var policy = TranslationPolicy()
    policy.resources = resources
    return Doctor(
      hostMap: HostMap(table: table, nodes: nodes, hosts: PBSHosts(vnodes: vnodes)),
      nodes: Dictionary(uniqueKeysWithValues: nodes.map { ($0.metadata.name, $0) }),
      uses: Dictionary(uniqueKeysWithValues: uses.map { ($0.node, $0) }), policy: policy)
  }

  private static func findings(_ doctor: Doctor, _ host: String = "node1") -> [HostReport.Finding] {
    doctor.reports().first { $0.host == host || $0.node == host }?.findings ?? []
  }

  private static let gpu = ["example.com/gpu": TranslationPolicy.Counterpart.resource("ngpus")]

  @Test func hostsThatAgreeHaveNothingToSay() {
    let doctor = Self.doctor([Self.vnode("node1")], [Self.node("node1")])
    #expect(doctor.reports().map(\.findings) == [[]])
    #expect(!DoctorTable(reports: doctor.reports()).isWrong)
  }

  @Test func tooManyCPUs() {
    var use = NodeUse(node: "node1")
    use.daemons = Amounts(milliCPU: 100, pods: 1)
    use.others = Amounts(milliCPU: 500, pods: 1)
    // Neither a native job's reservation nor what is ending counts.
    use.native = Amounts(milliCPU: 1000, pods: 1)
    use.leaving = Amounts(milliCPU: 1000, pods: 1)
    let doctor = Self.doctor([Self.vnode("node1", cpus: 8)], [Self.node("node1")], uses: [use])
    #expect(
      Self.findings(doctor) == [
        .init(
          kind: .cpus,
          words:
            "ncpus is 8, and its node has 1.4 cpu for jobs (2 less 0.1 of DaemonSets and static pods and 0.5 of pods of other schedulers)",
          cure: "qmgr -c 'set node node1 resources_available.ncpus = 1'", isWrong: true)
      ])
  }

  /// As the lab's: PBS's own idea of a host's memory is a little above the node's allocatable.
  @Test func aLittleTooMuchMemory() {
    let doctor = Self.doctor(
      [Self.vnode("node1", memory: "24684084kb")], [Self.node("node1", memory: 24_683_060 << 10)])
    #expect(
      Self.findings(doctor) == [
        .init(
          kind: .memory, words: "mem is 24684084kb, and its node has 24683060kb for jobs",
          cure: "qmgr -c 'set node node1 resources_available.mem = 24683060kb'", isWrong: true)
      ])
  }

  @Test(arguments: [
    ("8", 4, "ngpus is 8, and its node has 4 (example.com/gpu) for jobs", true),
    ("2", 4, "ngpus is 2, and its node has 4 (example.com/gpu) for jobs", false),
    ("1", 0, "ngpus is 1, and its node has 0 (example.com/gpu) for jobs", true),
  ])
  func devicesAreCounted(_ pbs: String, _ has: Int, _ words: String, _ isWrong: Bool) {
    let others = has > 0 ? ["example.com/gpu": has] : [:]
    let doctor = Self.doctor(
      [Self.vnode("node1", others: ["ngpus": pbs])], [Self.node("node1", others: others)],
      resources: Self.gpu)
    #expect(
      Self.findings(doctor) == [
        .init(
          kind: .devices, words: words,
          cure: "qmgr -c 'set node node1 resources_available.ngpus = \(has)'",
          isWrong: isWrong)
      ])
  }

  @Test func severalDevicesOfOneKindAreOneResourceOfPBS() {
    let doctor = Self.doctor(
      [Self.vnode("node1", others: ["ngpus": "3"])],
      [Self.node("node1", others: ["example.com/small": 2, "example.com/large": 1])],
      resources: ["example.com/small": .resource("ngpus"), "example.com/large": .resource("ngpus")])
    #expect(Self.findings(doctor).isEmpty)
  }

  @Test func aDeviceThatStandsForNothingInPBS() {
    let doctor = Self.doctor(
      [Self.vnode("node1")],
      [
        Self.node(
          "node1", others: ["example.com/gpu": 4, "ephemeral-storage": 5, "hugepages-2Mi": 1])
      ])
    #expect(
      Self.findings(doctor) == [
        .init(
          kind: .unknownDevice,
          words: "its node has 4 example.com/gpu, which stands for nothing in PBS",
          cure: "pbs-broker.resources: {example.com/gpu: RESOURCE}", isWrong: false)
      ])
  }

  @Test func severalVnodesOfAHostAreTakenTogether() throws {
    let vnodes = [
      Self.vnode("node1[0]", host: "node1", memory: "4gb"),
      Self.vnode("node1[1]", host: "node1", memory: "4gb"),
    ]
    #expect(Self.findings(Self.doctor(vnodes, [Self.node("node1", cpu: 4000)])).isEmpty)
    let finding = try #require(Self.findings(Self.doctor(vnodes, [Self.node("node1")])).first)
    // Which of them is to have less, the administrator knows.
    #expect(finding.words == "ncpus is 4, and its node has 2 cpu for jobs" && finding.cure == nil)
  }

  @Test func whatOneSideAloneHas() {
    let doctor = Self.doctor([Self.vnode("node1")], [Self.node("other")])
    #expect(
      Self.findings(doctor).map(\.words)
        == ["there is no node of this name: a pod whose job starts here is not bound"])
    #expect(Self.findings(doctor, "other").map(\.isWrong) == [false])
    #expect(DoctorTable(reports: doctor.reports()).isWrong)
  }

  @Test func namesThatMatchLoosely() {
    let loose = Self.doctor([Self.vnode("node1")], [Self.node("node1.site.org")])
    #expect(
      Self.findings(loose) == [
        .init(
          kind: .looseName, words: "is taken for node node1.site.org by a part of its name",
          cure: "pbs-broker.hosts: {node1: node1.site.org}", isWrong: false)
      ])
    let entered = Self.doctor(
      [Self.vnode("node1")], [Self.node("node1.site.org")], table: ["node1": "node1.site.org"])
    #expect(Self.findings(entered).isEmpty)
    let several = Self.doctor(
      [Self.vnode("node1")], [Self.node("node1.a.org"), Self.node("node1.b.org")])
    #expect(
      Self.findings(several).map(\.words) == [
        "could be each of the nodes node1.a.org, node1.b.org, so it is none of them"
      ])
  }

  @Test func statesThatDiffer() {
    let cordoned = Self.doctor([Self.vnode("node1")], [Self.node("node1", isCordoned: true)])
    #expect(
      Self.findings(cordoned) == [
        .init(
          kind: .cordoned, words: "its node is cordoned, and PBS starts jobs there",
          cure: "pbsnodes -o node1",
          isWrong: true)
      ])
    let silent = Self.doctor([Self.vnode("node1")], [Self.node("node1", isReady: false)])
    #expect(Self.findings(silent).map(\.isWrong) == [true])
    var offline = Self.vnode("node1")
    offline.isOffline = true
    offline.comment = "new disks"
    #expect(
      Self.findings(Self.doctor([offline], [Self.node("node1")])) == [
        .init(
          kind: .away,
          words: "is offline in PBS (new disks), and other schedulers start pods on its node",
          cure: "kubectl cordon node1", isWrong: false)
      ])
    #expect(Self.findings(Self.doctor([offline], [Self.node("node1", isCordoned: true)])).isEmpty)
  }

  @Test func killDelays() {
    let queue = { (name: String, attributes: [String: String]) in
      PBSText.Object(
        name: name,
        attributes: ["queue_type": "Execution", "enabled": "True"].merging(attributes) { $1 },
        isWhole: true)
    }
    let delays = KillDelays([
      queue("workq", [:]), queue("long", ["kill_delay": "60"]), queue("off", ["enabled": "False"]),
      queue("route", ["queue_type": "Route"]),
    ])
    #expect(delays.queues == ["workq": 10, "long": 60])
    #expect(
      delays.findings(graces: [5, 30, 30]) == [
        .init(
          kind: .killDelay,
          words:
            "queue workq: kill_delay is 10 s, and 2 pods have up to 30 s of grace: PBS gives their places away before they have ended",
          cure: "qmgr -c 'set queue workq kill_delay = 30'", isWrong: false)
      ])
    #expect(delays.findings(graces: [5]).isEmpty)
    #expect(delays.findings(graces: []).count == 1)
  }

  @Test func theTableSaysWhatToDo() {
    let doctor = Self.doctor(
      [Self.vnode("node1", cpus: 8), Self.vnode("node2")], [Self.node("node1"), Self.node("node2")])
    #expect(
      DoctorTable(reports: doctor.reports()).lines == [
        "HOST   NODE   CPUS PBS/NODE  MEMORY PBS/NODE  STATUS",
        "node1  node1  8/2            8Gi/8Gi          wrong",
        "node2  node2  2/2            8Gi/8Gi          ok", "",
        "wrong: host node1 ncpus is 8, and its node has 2 cpu for jobs",
        "    qmgr -c 'set node node1 resources_available.ncpus = 2'",
      ])
  }

  // MARK: The log

  @Test func itIsSaidOnceAndAgainWhenSomethingElseIsWrong() {
    var news = CapacityNews()
    #expect(news.isDue(now: 0) && !news.isDue(now: 299) && news.isDue(now: 300))
    let reports = { (cpus: Int, memory: String) in
      Self.doctor([Self.vnode("node1", cpus: cpus, memory: memory)], [Self.node("node1")]).reports()
    }
    #expect(
      news.lines(of: reports(8, "8gb")) == [
        .init(
          text:
            "host node1: ncpus is 8, and its node has 2 cpu for jobs: pbs-broker doctor says what to change",
          isWarning: true)
      ])
    #expect(news.lines(of: reports(9, "8gb")).isEmpty)
    #expect(news.lines(of: reports(9, "9gb")).count == 1)
    #expect(
      news.lines(of: reports(2, "8gb")) == [
        .init(text: "host node1 agrees with its node now", isWarning: false)
      ])
    #expect(news.lines(of: reports(2, "8gb")).isEmpty)
  }
}
