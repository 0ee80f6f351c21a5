import Testing

@testable import pbs_broker

/// What PBS's answers mean, line by line as a real one gave them (OpenPBS 23.06.06).
@Suite struct PBSAnswerTests {
  @Test(arguments: [
    ("qsub-connection-refused.txt", PBSAnswer.Meaning.unavailable),
    ("qsub-connection-timed-out.txt", .unavailable),
    ("qsub-no-route.txt", .unavailable),
    ("qsub-unknown-server.txt", .unavailable),
    ("qstat-connection-refused.txt", .unavailable),
    ("qstat-connection-timed-out.txt", .unavailable),
    ("qstat-no-route.txt", .unavailable),
    ("qstat-unknown-server.txt", .unavailable),
    ("qselect-unknown-server.txt", .unavailable),
    ("qdel-connection-timed-out.txt", .unavailable),
    ("pbsnodes-connection-timed-out.txt", .unavailable),
    ("pbsnodes-unknown-server.txt", .unavailable),
    // The client's own host lacks something: the server was asked nothing.
    ("qsub-no-reserved-port.txt", .busy),
    ("qstat-no-reserved-port.txt", .busy),
    ("qdel-no-reserved-port.txt", .busy),
    ("qsub-no-address.txt", .busy),
    ("qstat-no-address.txt", .busy),
    ("qsub-no-descriptors.txt", .busy),
    // Also of a host that a job's id names as its server, which no pod's dependency may.
    ("qsub-depend-on-another-host.txt", .busy),
    ("qsub-limit-user-queue.txt", .limit),
    ("qsub-limit-named-user-queue.txt", .limit),
    ("qsub-limit-group-queue.txt", .limit),
    ("qsub-limit-project-queue.txt", .limit),
    ("qsub-limit-overall-queue.txt", .limit),
    ("qsub-limit-queued-threshold.txt", .limit),
    ("qsub-limit-resource-queue.txt", .limit),
    ("qsub-limit-resource-overall-queue.txt", .limit),
    ("qsub-limit-max-queuable.txt", .limit),
    ("qsub-queue-disabled.txt", .limit),
    ("qsub-unknown-queue.txt", .limit),
    ("qsub-queue-acl.txt", .unauthorized),
    ("qsub-queue-route-only.txt", .unauthorized),
    ("qdel-not-ours.txt", .unauthorized),
    // The job alone is more than the queue takes.
    ("qsub-above-resources-max.txt", .refused),
    ("qsub-unknown-resource.txt", .refused),
    ("qdel-malformed.txt", .refused),
  ])
  func knowsWhatARealOneSaid(_ recording: String, _ meaning: PBSAnswer.Meaning) throws {
    let answer = try RecordedAnswer("pbs-answers/\(recording)")
    #expect(!answer.standardError.isEmpty)
    #expect(PBSAnswer.meaning(status: answer.status, words: answer.standardError) == meaning)
  }

  /// What no lab says on request: the words of pbs_messages.c, and the status that goes with them.
  @Test(arguments: [
    ("qsub: Invalid credential", 171, PBSAnswer.Meaning.busy),
    ("qsub: Expired credential", 172, .busy),
    ("qsub: Server is busy", 1, .busy),
    ("qsub: Request not allowed: Server shutting down", 212, .busy),
    ("qsub: Failed to save job/resv, refer server logs for details", 57, .busy),
    ("qsub: PBS server internal error", 163, .busy),
    ("qsub: System error: ", 162, .busy),
    ("qsub: No free connections", 185, .busy),
    ("qsub: Server connection table full", 13, .busy),
    ("qdel: Server could not connect to MOM 5.pbsserver", 222, .busy),
    ("qdel: Execution server rejected request 5.pbsserver", 193, .busy),
    ("qdel: Request invalid for state of job 5.pbsserver", 168, .busy),
    ("qsub: request rejected as filter hook 'site' encountered an exception.", 32, .busy),
    ("qsub: Error (15208) submitting job", 104, .busy),
    ("qsub: End of File", 31, .unavailable),
    ("qsub: Batch protocol error", 183, .unavailable),
    ("Communication failure.", 183, .unavailable),
    ("qsub: would exceed complex's per-user limit of jobs in 'Q' state", 38, .limit),
    ("qsub: would exceed group chem's limit on resource mem in complex", 39, .limit),
    ("qsub: Maximum number of jobs for project p already in complex", 38, .limit),
    ("qsub: Bad UID for job execution", 175, .unauthorized),
    ("qsub: Illegal attribute or resource value select.mem", 166, .refused),
    ("qsub: illegal -N value", 2, .refused),
    ("qsub: pods of this project may not ask for gpus", 32, .refused),
    ("qsub: Job rejected by all possible destinations", 191, .refused),
    // By the number alone.
    ("qsub: Error (15142) submitting job", 38, .limit),
    ("qsub: Error (15007) submitting job", 159, .unauthorized),
  ])
  func knowsTheWordsOfPBS(_ words: String, _ status: Int32, _ meaning: PBSAnswer.Meaning) {
    #expect(PBSAnswer.meaning(status: status, words: words) == meaning)
  }

  /// What libpbs says: a number, and words that may be anybody's.
  @Test(arguments: [
    (15142, "Maximum number of jobs already in queue", PBSAnswer.Meaning.limit),
    (15142, "", .limit), (15018, "Unknown queue", .limit), (15007, "", .unauthorized),
    (15022, "Access to queue is denied", .unauthorized), (15019, "Invalid credential", .busy),
    (15060, "", .busy), (15161, "", .busy), (15044, "", .busy), (15033, "", .busy),
    (15031, "", .unavailable), (15035, "Unknown resource: x", .refused), (15999, "", .refused),
    // A hook's words are its own.
    (15136, "the licence server says: Connection refused", .refused),
    (15136, "pods of this project may not ask for gpus", .refused),
    (15136, "request rejected as filter hook 'site' encountered an exception.", .busy),
    (15014, "Connection refused", .refused),
    // No number of PBS's.
    (111, "Connection refused", .unavailable), (99, "Cannot assign requested address", .busy),
    (0, "", .unavailable), (0, "Unable to authenticate connection", .busy),
  ])
  func knowsTheNumbersOfPBS(_ code: Int, _ words: String, _ meaning: PBSAnswer.Meaning) {
    #expect(PBSAnswer.meaning(code: code, words: words) == meaning)
  }

  /// Without a word a command did not come to its end, whatever its status.
  @Test(arguments: [1, 2, 137, 153, 171, 255])
  func silenceIsNoAnswer(_ status: Int32) {
    #expect(PBSAnswer.meaning(status: status, words: "") == .unavailable)
  }

  /// Every line of the table is reached by its own words and by its own number.
  @Test func everyLineCounts() {
    for answer in PBSAnswer.table {
      if let words = answer.words {
        #expect(PBSAnswer.meaning(status: 1, words: "qsub: \(words)") == answer.meaning, "\(words)")
      }
      if let code = answer.code {
        let status = Int32(code % 256)
        #expect(PBSAnswer.meaning(status: status, words: "qsub: ?") == answer.meaning, "\(code)")
      }
    }
  }
}
