import Foundation
import Kubernetes
import Messages
import Testing

@testable import pbs_broker

/// The devices that PBS gave to a job, as its host told them.
@Suite struct DevicesTests {
  @Test(arguments: [
    ("cpus=0-3;devices=nvidia0+nvidia1;gpus=GPU-1+GPU-2;mems=0", "GPU-1,GPU-2"),
    ("devices=nvidia0;vnodes=node1[0]", "nvidia0"), ("gpus=MIG-5a2b7c11-0000", "MIG-5a2b7c11-0000"),
    ("cpus=0-3", nil), ("", nil), ("gpus=", nil), ("gpus", nil), ("gpus=a b", nil),
    ("gpus=$(reboot)", nil), ("devices=\u{e4}", nil), (nil, nil),
    ("gpus=" + String(repeating: "x", count: 5000), nil),
  ])
  func inAJobsVariable(_ text: String?, _ devices: String?) {
    #expect(Devices.names(in: text) == devices)
  }

  @Test(arguments: [("GPU-1,GPU-2", true), ("", false), ("a b", false), ("a\nb", false)])
  func inAMessage(_ devices: String, _ isFine: Bool) {
    let bind = BrokerMessage.Bind(
      pod: PodReference(uid: "u", namespace: "default", name: "a"), node: "node1",
      job: "5.pbsserver", runCount: 1, devices: devices)
    #expect((BrokerMessage.bind(bind).problem == nil) == isFine)
  }

  @Test func aJobTellsThem() throws {
    var object = PBSText.Object(name: "5.pbsserver")
    object.attributes = [
      "job_state": "R", "substate": "42",
      "Variable_List": "KUBERNETES_POD_UID=u,KUBERNETES_DEVICES=gpus=GPU-1+GPU-2;cpus=0",
    ]
    #expect(try #require(Job(object)).devices == "GPU-1,GPU-2")
  }
}
