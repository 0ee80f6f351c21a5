import Testing

@testable import Kubernetes
@testable import Messages
@testable import pbs_broker

/// What is told of hosts and queues while it lasts.
@Suite struct HostFindingsTests {
  private static func report(_ host: String?, _ findings: HostReport.Finding...) -> HostReport {
    HostReport(
      host: host, node: "node", cpus: (nil, nil), memory: (nil, nil), findings: findings)
  }

  @Test func findingsAreCountedByHostAndKind() {
    let device = HostReport.Finding(kind: .devices, words: "a", isWrong: true)
    let counts = HostWatch.counted([
      Self.report("node1", device, device, .init(kind: .looseName, words: "b", isWrong: false)),
      Self.report("node2"),
      Self.report(nil, .init(kind: .noHost, words: "is no host of PBS", isWrong: false)),
    ])
    #expect(
      counts == [["node1", "devices", "wrong"]: 2, ["node1", "loose-name", "note"]: 1])
  }

  @Test func noMoreThanTheLimitIsToldAndWhatIsWrongFirst() {
    let finding = HostReport.Finding(kind: .cpus, words: "a", isWrong: true)
    let note = HostReport.Finding(kind: .looseName, words: "b", isWrong: false)
    let reports = (0..<800).map { Self.report("n\($0)", note, finding) }
    let counts = HostWatch.counted(reports)
    #expect(counts.count == HostWatch.most)
    #expect(counts.count { $0.key[2] == "wrong" } == 800)
  }

  @Test(
    arguments: [
      (nil, "workq", false), (10, "workq", false), (30, "workq", false), (31, "workq", true),
      (60, "long", false), (61, "long", true), (3600, "unknown", false), (3600, nil, false),
    ] as [(Int?, String?, Bool)])
  func aLongGracePeriodIsTold(_ grace: Int?, _ queue: String?, _ isTold: Bool) {
    let delays = KillDelays(
      [("workq", "10"), ("long", "60")].map {
        PBSText.Object(
          name: $0.0,
          attributes: ["queue_type": "Execution", "enabled": "True", "kill_delay": $0.1],
          isWhole: true)
      })
    #expect((delays.warning(grace: grace, queue: queue) != nil) == isTold)
  }

  @Test(arguments: [("HostDiffers", true), ("", false), ("two words", false)])
  func aNoteHasAReason(_ reason: String, _ isValid: Bool) {
    let node = NodeReference(uid: "0a7a976e-ec23-4608-84c0-993f8599bca1", name: "node1")
    let note = NoteNode(node: node, reason: reason, message: "m", warning: true)
    #expect((BrokerMessage.noteNode(note).problem == nil) == isValid)
  }
}
