import FoundationEssentials
import Testing

@testable import Kubernetes

/// What pods hold of nodes, read from Kubernetes' objects.
@Suite struct AmountsTests {
  private static func decode<Value: Decodable>(_ json: String, as: Value.Type) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(json.utf8))
  }

  private static func held(_ metadata: String, _ spec: String) throws -> HeldPod {
    try decode(
      #"{"metadata": {"name": "a", "uid": "u" \#(metadata)}, "spec": {"nodeName": "node1", \#(spec)}, "status": {}}"#,
      as: HeldPod.self)
  }

  @Test(arguments: [
    (#"{"cpu":"2","memory":"24684096Ki","pods":"110"}"#, 2000, 24_684_096 << 10, 110),
    (#"{"cpu":"1500m","memory":"1G"}"#, 1500, 1_000_000_000, 0),
    (#"{"cpu":"0.0001"}"#, 1, 0, 0),
    (#"{"cpu":"-1","memory":"what"}"#, 0, 0, 0),
    (#"{"cpu":"9000P"}"#, 1 << 53, 0, 0),
  ])
  func quantitiesAreCountedAsKubeletCounts(_ json: String, _ cpu: Int, _ memory: Int, _ pods: Int)
    throws
  {
    let amounts = try Self.decode(json, as: Amounts.self)
    #expect(amounts == Amounts(milliCPU: cpu, memory: memory, pods: pods))
  }

  @Test func whatIsWrittenIsReadAgain() throws {
    let amounts = Amounts(milliCPU: 1500, memory: 64 << 20, pods: 2, others: ["example.com/gpu": 3])
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let json = String(decoding: try encoder.encode(amounts), as: UTF8.self)
    #expect(json == #"{"cpu":"1500m","example.com/gpu":"3","memory":"67108864","pods":"2"}"#)
    #expect(try Self.decode(json, as: Amounts.self) == amounts)
  }

  @Test func sumsComeAndGo() {
    var sum = Amounts()
    let one = Amounts(milliCPU: 100, memory: 1, pods: 1, others: ["example.com/gpu": 1])
    for _ in 0..<3 { sum += one }
    for _ in 0..<3 { sum -= one }
    #expect(sum.isZero)
  }

  /// Requests of a pod as a whole: the largest init container beside the sidecars before it, and the
  /// overhead.
  @Test func aPodHoldsItsEffectiveRequest() throws {
    let pod = try Self.held(
      "",
      #"""
      "overhead": {"cpu": "50m"},
      "initContainers": [
        {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "100m"}}},
        {"name": "i", "resources": {"requests": {"cpu": "3", "example.com/gpu": "1"}}}],
      "containers": [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "64Mi"}}}]
      """#)
    #expect(
      pod.amounts
        == Amounts(milliCPU: 3150, memory: 64 << 20, pods: 1, others: ["example.com/gpu": 1]))
  }

  @Test(arguments: [
    ("", "", HeldPod.Holder.others),
    (
      #", "ownerReferences": [{"kind": "DaemonSet", "uid": "d", "controller": true}]"#, "", .daemons
    ),
    (#", "ownerReferences": [{"kind": "Node", "uid": "d", "controller": true}]"#, "", .daemons),
    (
      #", "ownerReferences": [{"kind": "ReplicaSet", "uid": "d", "controller": true}]"#, "", .others
    ),
    (
      #", "ownerReferences": [{"kind": "Node", "uid": "d", "controller": true}]"#,
      #""schedulerName": "pbs-native-job", "#, .native
    ),
    (#", "deletionTimestamp": "2026-11-24T00:00:00Z""#, "", .leaving),
  ])
  func whoseItIs(_ metadata: String, _ spec: String, _ holder: HeldPod.Holder) throws {
    let pod = try Self.held(metadata, spec + #""containers": []"#)
    #expect(pod.holder == holder && pod.node == "node1" && pod.amounts == Amounts(pods: 1))
  }
}
