import Testing

@testable import pbs_broker

/// What an Exit_status means, for an Event that users read.
@Suite struct ExitStatusTests {
  @Test(arguments: [
    (0, "Exit_status 0"), (3, "Exit_status 3"), (271, "Exit_status 271"),
    // PBS's own comment says "exceeded resource walltime".
    (-29, "Exit_status -29"),
    (
      -20,
      "Exit_status -20: PBS had no word from its host's MoM for too long (node_fail_requeue)"
    ),
    (-99, "Exit_status -99"),
  ])
  func words(_ code: Int, _ text: String) {
    #expect(ExitStatus(code: code).description == text)
  }
}
