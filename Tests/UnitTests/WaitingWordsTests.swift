import Testing

@testable import pbs_broker

/// What a pod is told while its job does not run.
@Suite struct WaitingWordsTests {
  private static let notSaid =
    "waits in the queue of workq, and PBS does not say why: is its scheduler at work (qmgr -c 'list server scheduling'), or that queue a stopped routing queue?"
  private static let slow =
    "PBS is starting it on node1, which takes long (substate 71): a prologue, a hook, or a host that does not report?"

  @Test(
    arguments: [
      (Job.State.queued, "Not Running: no", false, "Not Running: no"),
      (.queued, "Not Running: no", true, "Not Running: no"),
      (.queued, nil, false, nil), (.queued, "", true, notSaid), (.queued, nil, true, notSaid),
      (.transit, nil, true, notSaid), (.waiting, nil, false, "waits for its begin-time"),
      (.running, "Job run at", false, nil), (.running, "Job run at", true, slow),
      (.exiting, nil, true, nil),
    ] as [(Job.State, String?, Bool, String?)])
  func saysWhatThereIsToSay(
    _ state: Job.State, _ comment: String?, _ isUnexplained: Bool, _ words: String?
  ) {
    var job = Job.with("5.s", state, substate: 71)
    job.comment = comment
    job.queue = "workq"
    if state == .running { job.execHost = "node1/0" }
    #expect(Reconciliation.waitingWords(job, isUnexplained: isUnexplained) == words)
  }

  @Test func pbsHasItsTime() {
    var queued = JobRecord(job: .with("5.s"), addedAt: 100)
    // Only qsub has told of it.
    #expect(!queued.isUnexplained(1000))
    queued.statAt = 101
    #expect(!queued.isUnexplained(119))
    #expect(queued.isUnexplained(120))
    var starting = JobRecord(job: .with("5.s", .running, substate: 41), addedAt: 100)
    starting.statAt = 1000
    #expect(!starting.isUnexplained(1000))
    starting.startingSince = 1000
    #expect(!starting.isUnexplained(1019))
    #expect(starting.isUnexplained(1020))
  }
}
