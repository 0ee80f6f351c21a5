import Testing

@testable import Kubernetes
@testable import pbs_broker

/// What follows from a node's state and its host's: a table of both sides.
@Suite struct NodeAgreementTests {
  private static let limits = NodeAgreement.Limits(
    notReady: 300, down: 60, taints: ["example.org/repair"], rest: 600)
  private static let ours = "pbs-connector c-1: cordoned"

  static func node(
    cordoned: Bool = false, notReadyFor: Double? = nil, taints: [Taint] = []
  ) -> NodeAgreement.NodeState {
    var node = Node(metadata: ObjectMeta(name: "node1"), ready: notReadyFor == nil)
    node.spec = NodeSpec(unschedulable: cordoned, taints: taints)
    return .init(node, notReadyFor: notReadyFor ?? 0)
  }

  static func host(
    downFor: Double? = nil, offline: Bool = false, comment: String = ""
  ) -> NodeAgreement.HostState {
    var vnode = PBSVnode(name: "node1", host: "node1")
    vnode.isDown = downFor != nil
    vnode.isOffline = offline
    vnode.comment = comment.isEmpty ? nil : comment
    return .init([vnode], downFor: downFor ?? 0)
  }

  private static func step(
    _ node: NodeAgreement.NodeState, _ host: NodeAgreement.HostState, doubted: Bool = false,
    returned: Double? = nil, now: Double = 1000
  ) -> NodeAgreement.HostStep {
    NodeAgreement.step(
      node: node, host: host, cluster: "c-1", memory: .init(hostReturned: returned),
      limits: limits, isDoubted: doubted, now: now)
  }

  static let reasons: [(NodeAgreement.NodeState, String?)] = [
    (node(), nil),
    (node(cordoned: true), "cordoned"),
    (node(notReadyFor: 299), nil),
    (node(notReadyFor: 300), "NotReady"),
    (node(cordoned: true, notReadyFor: 300), "cordoned"),
    (node(taints: [Taint(key: "example.org/repair")]), "taint example.org/repair"),
    (node(taints: [Taint(key: "example.org/repair", effect: "NoExecute")]), nil),
    (node(taints: [Taint(key: "example.org/other")]), nil),
    // Our own taint is no reason to take the host out of service.
    (node(taints: [Taint(key: "pbs-connector/offline", value: "down")]), nil),
  ]

  @Test(arguments: reasons)
  func aNodeThatIsOutOfServiceTakesItsHostAway(_ node: NodeAgreement.NodeState, _ reason: String?) {
    #expect(
      Self.step(node, Self.host())
        == (reason.map { .takeAway(HostComment(cluster: "c-1", reason: $0, before: "")) }
          ?? .nothing))
  }

  @Test func whatIsNotOursIsLeftAlone() {
    let cordoned = Self.node(cordoned: true)
    for comment in [
      "", "broken fan", "pbs-connector c-2: cordoned", "pbs-connector c-11: cordoned",
    ] {
      let host = Self.host(offline: true, comment: comment)
      #expect(Self.step(cordoned, host) == .nothing, "\(comment)")
      #expect(Self.step(Self.node(), host) == .nothing, "\(comment)")
    }
    // Its vnodes differ: each may be somebody's.
    var mixed = Self.host(offline: true, comment: Self.ours)
    mixed.isMixed = true
    #expect(Self.step(Self.node(), mixed) == .nothing)
  }

  @Test func aHostOfOursComesBackWhenNothingIsWrongWithItsNode() {
    let host = Self.host(offline: true, comment: Self.ours)
    #expect(Self.step(Self.node(), host) == .giveBack(comment: ""))
    #expect(Self.step(Self.node(cordoned: true), host) == .nothing)
    // NotReady for a moment only is no reason to take it away, and none to give it back.
    #expect(Self.step(Self.node(notReadyFor: 1), host) == .nothing)
  }

  @Test func anothersCommentIsKeptAndStandsThereAgain() throws {
    let step = Self.step(Self.node(cordoned: true), Self.host(comment: "rack 7; new DIMM"))
    let comment = HostComment(cluster: "c-1", reason: "cordoned", before: "rack 7; new DIMM")
    #expect(step == .takeAway(comment))
    let text = try #require(comment.text(limit: 79))
    #expect(text == "pbs-connector c-1: cordoned; before: rack 7; new DIMM")
    let host = Self.host(offline: true, comment: text)
    #expect(Self.step(Self.node(), host) == .giveBack(comment: "rack 7; new DIMM"))
  }

  /// An administrator has given the host back although its node is cordoned.
  @Test func whoOverrulesUsIsNotOverruled() {
    let host = Self.host(comment: Self.ours)
    #expect(Self.step(Self.node(cordoned: true), host) == .nothing)
    #expect(Self.step(Self.node(), host) == .giveBack(comment: ""))
  }

  @Test func aHostReturnsOnceInItsRestAtMost() {
    let host = Self.host(offline: true, comment: Self.ours)
    #expect(Self.step(Self.node(), host, returned: 401, now: 1000) == .rests)
    #expect(Self.step(Self.node(), host, returned: 400, now: 1000) == .giveBack(comment: ""))
    // To take it away is never put off.
    #expect(Self.step(Self.node(cordoned: true), Self.host(), returned: 999) != .nothing)
  }

  @Test func manyNodesThatAreNotReadyTakeNoHostAway() {
    #expect(Self.step(Self.node(notReadyFor: 999), Self.host(), doubted: true) == .nothing)
    #expect(Self.step(Self.node(cordoned: true), Self.host(), doubted: true) != .nothing)
    // What is away already stays away.
    let away = Self.host(offline: true, comment: "pbs-connector c-1: NotReady")
    #expect(Self.step(Self.node(notReadyFor: 999), away, doubted: true) == .nothing)
  }

  // MARK: The taint

  private static func taint(
    _ host: NodeAgreement.HostState, present: String? = nil, doubted: Bool = false,
    returned: Double? = nil, cordoned: Bool = false
  ) -> String? {
    let taints = present.map { [Taint(key: "pbs-connector/offline", value: $0)] } ?? []
    return NodeAgreement.taint(
      node: node(cordoned: cordoned, taints: taints), host: host, cluster: "c-1",
      memory: .init(nodeReturned: returned), limits: limits, isDoubted: doubted, now: 1000)
  }

  @Test func aHostThatIsAwayGivesItsNodeTheTaint() {
    #expect(Self.taint(Self.host()) == nil)
    #expect(Self.taint(Self.host(downFor: 59)) == nil)
    #expect(Self.taint(Self.host(downFor: 60)) == "down")
    #expect(Self.taint(Self.host(offline: true)) == "offline")
    #expect(Self.taint(Self.host(offline: true, comment: "broken fan")) == "offline")
    #expect(
      Self.taint(Self.host(offline: true, comment: "pbs-connector c-2: cordoned")) == "offline")
    #expect(Self.taint(Self.host(downFor: 999), doubted: true) == nil)
  }

  @Test func whatWeHaveTakenAwayGivesNoTaint() {
    let ours = Self.host(offline: true, comment: Self.ours)
    #expect(Self.taint(ours, cordoned: true) == nil)
    #expect(Self.taint(ours, present: "down", cordoned: true) == nil)
    #expect(Self.taint(Self.host(downFor: 60, offline: true, comment: Self.ours)) == "down")
  }

  @Test func theTaintGoesWithItsReasonOnceInItsRestAtMost() {
    #expect(Self.taint(Self.host(), present: "down") == nil)
    #expect(Self.taint(Self.host(downFor: 1), present: "down") == "down")
    #expect(Self.taint(Self.host(), present: "down", returned: 999) == "down")
    #expect(Self.taint(Self.host(), present: "down", returned: 400) == nil)
    // What the node has by hand has the same meaning.
    #expect(Self.taint(Self.host(offline: true), present: "") == "")
  }

  /// Both sides go down and come back; nothing but the two is remembered, and all is as before.
  @Test func bothSidesDownAtOnceComeBackWhole() throws {
    let down = Self.host(downFor: 400)
    guard case .takeAway(let comment) = Self.step(Self.node(notReadyFor: 400), down) else {
      Issue.record("the host was not taken away")
      return
    }
    let text = try #require(comment.text(limit: 79))
    let back = Self.host(offline: true, comment: text)
    #expect(Self.taint(back, present: "down") == nil)
    #expect(Self.step(Self.node(), back) == .giveBack(comment: ""))
  }

  // MARK: Comments

  @Test func aCommentHasRoomForWhatIsAnothers() {
    let long = String(repeating: "x", count: 100)
    #expect(HostComment(cluster: "c-1", reason: "cordoned", before: long).text(limit: 79) == nil)
    #expect(HostComment(cluster: "c-1", reason: "cordoned", before: long).text(limit: 1000) != nil)
    // The longest identity, whose comment is still ours when it is read again.
    let cluster = String(repeating: "c", count: 63)
    let text = HostComment(cluster: cluster, reason: "cordoned", before: "").text(limit: 79)
    #expect(text?.utf8.count == 79)
    #expect(text.flatMap { HostComment($0, cluster: cluster) } != nil)
    #expect(HostComment("pbs-connector c-1:", cluster: "c-1") != nil)
    #expect(HostComment("pbs-connector c-1", cluster: "c-1") == nil)
  }

  // MARK: Labels

  @Test func labelsShowWhatPBSHas() {
    var node = Node(metadata: ObjectMeta(name: "node1"), ready: true)
    node.metadata.labels = ["pbs.example/switch": "s1", "pbs.example/old": "x", "other": "y"]
    var vnode = PBSVnode(name: "node1", host: "node1")
    vnode.resources = ["switch": "s2", "rack": "a b"]
    let table = [
      "pbs.example/switch": "switch", "pbs.example/old": "gone", "pbs.example/rack": "rack",
    ]
    let (changes, problems) = NodeLabels.changes(to: node, of: [vnode], by: table)
    #expect(changes == ["pbs.example/switch": "s2", "pbs.example/old": nil])
    #expect(problems.count == 1)
    var other = vnode
    other.resources["switch"] = "s3"
    #expect(NodeLabels.changes(to: node, of: [vnode, other], by: table).problems.count == 2)
    node.metadata.labels?["pbs.example/switch"] = "s2"
    node.metadata.labels?["pbs.example/old"] = nil
    #expect(NodeLabels.changes(to: node, of: [vnode], by: table).changes.isEmpty)
  }
}
