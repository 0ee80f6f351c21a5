import Testing

@testable import kube_watcher

/// Whose a Lease is.
@Suite(.runningLoop, .timeLimit(.minutes(1))) struct LeaseIdentityTests {
  @Test func twoHostsOfOneNameAreTwo() {
    #expect(LeaseIdentity.of("watcher", boot: "6f1e2d3c-1") == "watcher_6f1e2d3c")
    #expect(
      LeaseIdentity.of("watcher", boot: "6f1e2d3c-1")
        != LeaseIdentity.of("watcher", boot: "7f1e2d3c-1"))
    // A process that starts again on its host.
    #expect(LeaseIdentity.of("watcher") == LeaseIdentity.of("watcher"))
    // Without the kernel's number nobody is taken for another.
    #expect(LeaseIdentity.of("watcher", boot: nil) != LeaseIdentity.of("watcher", boot: nil))
  }

  @Test(arguments: [
    ("watcher-1_6f1e2d3c", "watcher-1"), ("a_b_6f1e2d3c", "a_b"), ("other", "other"), ("", ""),
  ])
  func itsNameIsForPeople(_ identity: String, _ name: String) {
    #expect(LeaseIdentity.name(identity) == name)
  }
}
