import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import Messages
@testable import Wire

/// What the three processes tell each other, in JSON.
@Suite struct MessageTests {
  private static let redis = PodReference(uid: "uid-1", namespace: "default", name: "redis")

  private static func decode<Message: Decodable>(_ json: String, as: Message.Type) throws -> Message
  {
    try JSONDecoder().decode(Message.self, from: Data(json.utf8))
  }

  /// JSON with its members in order, so that texts can be compared.
  private static func encode(_ message: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(message), as: UTF8.self)
  }

  private static let reference = #"{"name":"redis","namespace":"default","uid":"uid-1"}"#

  // MARK: kube-watcher's

  static let watcherMessages: [(WatcherMessage, String)] = [
    (
      .pod(
        Pod(
          metadata: ObjectMeta(name: "redis", namespace: "default", uid: "uid-1"),
          spec: PodSpec(containers: [Container(name: "a", requests: ["cpu": "1"])])),
        owner: nil),
      #"{"pod":{"metadata":\#(reference),"spec":{"containers":[{"name":"a","resources":{"requests":{"cpu":"1"}}}]}},"type":"pod"}"#
    ),
    (
      .podGone(redis, wasDeleted: true),
      #"{"deleted":true,"pod":\#(reference),"type":"pod-gone"}"#
    ),
    (
      .cluster(Cluster(id: "c-1", schedulerNames: ["batch", "pbs"], claims: true)),
      #"{"cluster":{"claims":true,"id":"c-1","schedulerNames":["batch","pbs"]},"type":"cluster"}"#
    ),
    (
      .claim(VolumeClaim(namespace: "default", name: "data", waitsForConsumer: true)),
      #"{"claim":{"isBound":false,"isForOnePod":false,"name":"data","namespace":"default","waitsForConsumer":true},"type":"claim"}"#
    ),
    (
      .claimGone(namespace: "default", name: "data"),
      #"{"name":"data","namespace":"default","type":"claim-gone"}"#
    ),
    (
      .node(Node(metadata: ObjectMeta(name: "node1"), ready: true), owner: nil),
      #"{"node":{"metadata":{"name":"node1"},"status":{"conditions":[{"status":"True","type":"Ready"}]}},"type":"node"}"#
    ),
    (.nodeGone(name: "node1"), #"{"name":"node1","type":"node-gone"}"#),
    (
      .nodeUse(nodeUse),
      #"{"daemons":{"cpu":"100m","pods":"1"},"name":"node1","others":{"memory":"1024","pods":"2"},"type":"node-use"}"#
    ),
    (.unknown(type: "weather"), #"{"type":"weather"}"#),
  ]

  private static var nodeUse: NodeUse {
    var use = NodeUse(node: "node1")
    use.daemons = Amounts(milliCPU: 100, pods: 1)
    use.others = Amounts(memory: 1024, pods: 2)
    return use
  }

  @Test(arguments: watcherMessages)
  func aWatcherMessageIsWrittenAndReadAgain(_ message: WatcherMessage, _ json: String) throws {
    #expect(try Self.encode(message) == json)
    #expect(try Self.encode(Self.decode(json, as: WatcherMessage.self)) == json)
  }

  @Test func aPodsOwnerIsRead() throws {
    let json = Self.watcherMessages[0].1.dropFirst()
    guard
      case .pod(let pod, let owner) = try Self.decode(
        #"{"owner":"broker-1","# + json, as: WatcherMessage.self)
    else {
      Issue.record("not a pod")
      return
    }
    #expect(pod.fullName == "default/redis")
    #expect(owner == "broker-1")
  }

  @Test(arguments: [
    "{}", "[]", "1", "null", #""pod""#, #"{"type":1}"#, #"{"type":"pod"}"#,
    #"{"type":"pod","pod":{}}"#,
    #"{"type":"pod","pod":{"metadata":{"name":1},"spec":{"containers":[]}}}"#,
    #"{"type":"pod","pod":[]}"#,
    #"{"type":"pod-gone","pod":{"uid":"u"}}"#, #"{"type":"node","node":{"metadata":{}}}"#,
    #"{"type":"node-gone"}"#,
    #"{"type":"node-gone","name":[]}"#, #"{"type":"pod""#, "",
  ])
  func aWatcherMessageOfTheWrongShapeIsAnError(_ json: String) {
    #expect(throws: DecodingError.self) { try Self.decode(json, as: WatcherMessage.self) }
  }

  // MARK: pbs-broker's

  static let brokerMessages: [(BrokerMessage, String)] = [
    (
      .markNode(
        .init(
          node: NodeReference(uid: "uid-2", name: "node1"), setsTaint: true, offline: "down",
          labels: ["pbs.example/rack": "r1", "pbs.example/old": nil], reason: "r")),
      #"{"labels":{"pbs.example/old":null,"pbs.example/rack":"r1"},"node":{"name":"node1","uid":"uid-2"},"offline":"down","reason":"r","setsTaint":true,"type":"mark-node"}"#
    ),
    (
      .noteNode(
        .init(
          node: NodeReference(uid: "uid-2", name: "node1"), reason: "HostDiffers", message: "m",
          warning: true)),
      #"{"message":"m","node":{"name":"node1","uid":"uid-2"},"reason":"HostDiffers","type":"note-node","warning":true}"#
    ),
    (
      .bind(.init(pod: redis, node: "node1", job: "5.s", runCount: 1)),
      #"{"job":"5.s","node":"node1","pod":\#(reference),"runCount":1,"type":"bind"}"#
    ),
    (
      .report(
        .init(
          pod: redis, job: "5.s", reason: "FailedScheduling", message: "Not Running", warning: true,
          unscheduled: false)),
      #"{"job":"5.s","message":"Not Running","pod":\#(reference),"reason":"FailedScheduling","type":"report","unscheduled":false,"warning":true}"#
    ),
    (
      .report(
        .init(
          pod: redis, job: nil, reason: "FailedScheduling", message: "é\n", warning: false,
          unscheduled: true)),
      #"{"message":"é\n","pod":\#(reference),"reason":"FailedScheduling","type":"report","unscheduled":true,"warning":false}"#
    ),
    (
      .evict(.init(pod: redis, job: "5.s", message: "exceeded resource walltime")),
      #"{"job":"5.s","message":"exceeded resource walltime","pod":\#(reference),"type":"evict"}"#
    ),
    (.withdraw(redis), #"{"pod":\#(reference),"type":"withdraw"}"#),
    (
      .selectNode(
        .init(
          pod: redis, claim: ClaimReference(uid: "uid-3", name: "data"), node: "node1",
          job: "5.s")),
      #"{"claim":{"name":"data","uid":"uid-3"},"job":"5.s","node":"node1","pod":\#(reference),"type":"select-node"}"#
    ),
    (
      .selectNode(
        .init(
          pod: redis, claim: ClaimReference(uid: "uid-3", name: "data"), node: nil, job: "5.s")),
      #"{"claim":{"name":"data","uid":"uid-3"},"job":"5.s","pod":\#(reference),"type":"select-node"}"#
    ),
    (.unknown(type: "weather"), #"{"type":"weather"}"#),
  ]

  @Test(arguments: brokerMessages)
  func aBrokerMessageIsWrittenAndReadAgain(_ message: BrokerMessage, _ json: String) throws {
    #expect(try Self.encode(message) == json)
    #expect(try Self.decode(json, as: BrokerMessage.self) == message)
  }

  @Test(arguments: brokerMessages)
  func aBrokerMessageHasAnOwner(_ message: BrokerMessage, _ json: String) throws {
    let owned = try Self.decode(
      #"{"owner":"binder-1","# + json.dropFirst(), as: OwnedBrokerMessage.self)
    #expect(owned.owner == "binder-1")
    #expect(owned.message == message)
    #expect(try Self.decode(json, as: OwnedBrokerMessage.self).owner == nil)
  }

  @Test(arguments: [
    "{}", #"{"type":"bind"}"#, #"{"type":"bind","pod":\#(reference),"node":"node1","job":"5.s"}"#,
    #"{"type":"bind","pod":\#(reference),"node":1,"job":"5.s","runCount":1}"#,
    #"{"type":"bind","pod":\#(reference),"node":"n","job":"5.s","runCount":"1"}"#,
    #"{"type":"report","pod":\#(reference),"reason":"R"}"#,
    #"{"type":"evict","pod":"redis","job":"5.s","message":""}"#,
    #"{"type":"withdraw"}"#, #"{"type":"withdraw","pod":{"name":"redis"}}"#,
    #"{"type":"select-node","pod":\#(reference),"node":"node1","job":"5.s"}"#,
    #"{"type":"select-node","pod":\#(reference),"claim":{"name":"data"},"job":"5.s"}"#,
  ])
  func aBrokerMessageOfTheWrongShapeIsAnError(_ json: String) {
    #expect(throws: DecodingError.self) { try Self.decode(json, as: BrokerMessage.self) }
  }

  // MARK: The binder's

  static let outcomes: [(BinderMessage, String)] =
    [
      ("bound", .bound), ("deleted", .deleted), ("reported", .reported), ("gone", .gone),
      ("finished", .finished),
      ("conflict", .conflict), ("refused", .refused), ("retry", .retry),
    ].map { (word: String, result: BinderMessage.Result) in
      (
        .outcome(.init(pod: redis, request: "bind", job: "5.s", result: result, message: "words")),
        #"{"job":"5.s","message":"words","pod":\#(reference),"request":"bind","result":"\#(word)","type":"outcome"}"#
      )
    }
    + [
      (
        .outcome(.init(pod: redis, request: "report", job: nil, result: .reported)),
        #"{"pod":\#(reference),"request":"report","result":"reported","type":"outcome"}"#
      ),
      (
        .claimOutcome(
          .init(
            pod: redis, claim: ClaimReference(uid: "uid-3", name: "data"), id: 7,
            result: .selected)),
        #"{"claim":{"name":"data","uid":"uid-3"},"id":7,"pod":\#(reference),"result":"selected","type":"claim-outcome"}"#
      ),
      (.unknown(type: "weather"), #"{"type":"weather"}"#),
    ]

  @Test(arguments: outcomes)
  func anOutcomeIsWrittenAndReadAgain(_ message: BinderMessage, _ json: String) throws {
    #expect(try Self.encode(message) == json)
    #expect(try Self.decode(json, as: BinderMessage.self) == message)
  }

  @Test(arguments: [
    "{}", #"{"type":"outcome"}"#,
    #"{"type":"outcome","pod":\#(reference),"request":"bind","result":"perhaps"}"#,
    #"{"type":"claim-outcome","pod":\#(reference),"result":"selected"}"#,
    #"{"type":"outcome","pod":\#(reference),"result":"bound"}"#,
  ])
  func anOutcomeOfTheWrongShapeIsAnError(_ json: String) {
    #expect(throws: DecodingError.self) { try Self.decode(json, as: BinderMessage.self) }
  }

  // MARK: Of every connection

  @Test func controlMessagesAreWritten() throws {
    #expect(
      try Self.encode(ControlMessage.Hello(role: .pbsBroker, instance: "a"))
        == #"{"instance":"a","protocol":1,"role":"pbs-broker","type":"hello"}"#)
    #expect(try Self.encode(ControlMessage.Synced()) == #"{"type":"synced"}"#)
    #expect(
      try Self.encode(ControlMessage.Ping(ownsUntil: 1.5)) == #"{"ownsUntil":1.5,"type":"ping"}"#)
    #expect(try Self.encode(ControlMessage.Pong()) == #"{"type":"pong"}"#)
    #expect(
      try Self.encode(ControlMessage.Goodbye(reason: "why"))
        == #"{"reason":"why","type":"goodbye"}"#)
  }

  @Test(arguments: [Role.kubeWatcher, .pbsBroker, .binder, .observer])
  func aHelloIsReadAgain(_ role: Role) throws {
    let hello = ControlMessage.Hello(role: role, instance: "host-1")
    #expect(try Self.decode(Self.encode(hello), as: ControlMessage.Hello.self) == hello)
  }

  @Test(arguments: [
    #"{"type":"hello"}"#, #"{"type":"hello","protocol":1,"role":"binder"}"#,
    #"{"type":"hello","protocol":"1","role":"binder","instance":"a"}"#,
    #"{"type":"hello","protocol":1,"role":"chairman","instance":"a"}"#,
  ])
  func aHelloOfTheWrongShapeIsAnError(_ json: String) {
    #expect(throws: DecodingError.self) { try Self.decode(json, as: ControlMessage.Hello.self) }
  }

  /// Messages with octets changed at random end in a message or an error.
  @Test func spoiltMessagesNeverCrash() {
    let seed = Seed.forTest("Messages, spoilt")
    var random = SeededGenerator(seed: seed)
    let texts =
      Self.watcherMessages.map(\.1) + Self.brokerMessages.map(\.1) + Self.outcomes.map(\.1)
    var errors = 0
    for _ in 0..<3000 {
      var octets = Array(texts.randomElement(using: &random)!.utf8)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        octets[Int.random(in: 0..<octets.count, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      let json = Data(octets)
      do { _ = try JSONDecoder().decode(WatcherMessage.self, from: json) } catch { errors += 1 }
      do { _ = try JSONDecoder().decode(OwnedBrokerMessage.self, from: json) } catch { errors += 1 }
      do { _ = try JSONDecoder().decode(BinderMessage.self, from: json) } catch { errors += 1 }
      do { _ = try JSONDecoder().decode(ControlMessage.Hello.self, from: json) } catch {
        errors += 1
      }
    }
    #expect(errors > 0, "seed \(seed)")
  }
}
