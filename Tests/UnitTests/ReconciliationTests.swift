import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import Messages
@testable import pbs_broker

/// One row for each rule of DESIGN.md's "What must always hold".
@Suite struct ReconciliationTests {
  private static let redis = PodReference(uid: "uid-1", namespace: "default", name: "redis")
  private static let now = Date(timeIntervalSince1970: 1_795_491_287)

  struct Case: Sendable, CustomTestStringConvertible {
    var rule: String
    var situation: Situation
    var decision: Decision
    var testDescription: String { rule }

    init(_ rule: String, _ situation: Situation, _ decision: Decision) {
      self.rule = rule
      self.situation = situation
      self.decision = decision
    }
  }

  // MARK: Words for situations

  /// What the pod needs as a job.
  private static let wanted = JobDescription(
    name: "redis",
    chunks: [.init(ncpus: 2, memory: 640 << 20, host: nil, others: ["ngpus": 1])],
    walltime: nil, queue: nil, environment: [])

  private static func situation(
    _ presence: Situation.Presence, jobs: [Job] = [], ended: [EndedJob] = [],
    nodes: [String: String]? = nil, olderThanBinding: Set<String> = [],
    unconfirmed: Set<String> = [], unproven: Set<String> = [], boundJob: String? = nil,
    disowned: String? = nil,
    translation: Result<JobDescription, Refusal>? = .success(wanted), refusal: String? = nil,
    hindrance: String? = nil, busy: String? = nil, rejecting: String? = nil,
    hostAway: Bool = false, bindWhen: BindWhen = .run, patience: Double = 300
  ) -> Situation {
    Situation(
      presence: presence, jobs: jobs, olderThanBinding: olderThanBinding,
      unconfirmed: unconfirmed, unproven: unproven, ended: ended, boundJob: boundJob,
      disownedJob: disowned,
      translation: translation, refusal: refusal, hindrance: hindrance,
      submissionHindrance: busy,
      hostMap: HostMap(
        table: nodes ?? [:],
        nodes: ["node1", "node2"].map { Node(metadata: ObjectMeta(name: $0), ready: true) }),
      nodeHindrance: { $0 == rejecting ? "its kubelet rejects pods (OutOfcpu)" : nil },
      isHostAway: hostAway,
      bindWhen: bindWhen, patience: patience, now: now)
  }

  /// A pod; bound when it has a node, and by us when it names a job.
  private static func pod(
    node: String? = nil, job: String? = nil, run: String? = nil, phase: String = "Pending",
    terminatingSince seconds: Double? = nil, gates: [String] = []
  ) -> Situation.Presence {
    var pod = Pod(
      metadata: ObjectMeta(name: "redis", namespace: "default", uid: "uid-1"),
      spec: PodSpec(containers: [Container(name: "a")]), status: PodStatus(phase: phase))
    pod.spec.nodeName = node
    pod.spec.schedulingGates = gates.map { SchedulingGate(name: $0) }
    var annotations: [String: String] = [:]
    annotations["pbs-connector/job-id"] = job
    annotations["pbs-connector/run-count"] = run
    pod.metadata.annotations = annotations
    if let seconds {
      // deletionTimestamp is the end of the grace period.
      pod.metadata.deletionTimestamp = now.addingTimeInterval(-seconds).formatted(.iso8601)
    }
    return .present(pod)
  }

  private static func job(
    _ number: Int, _ state: Job.State, substate: Int? = nil, on host: String? = nil, run: Int = 1,
    comment: String? = nil, holds: String? = nil
  ) -> Job {
    Job(
      id: "\(number).s", state: state, substate: substate ?? (state == .running ? 42 : 10),
      execHost: host.map { "\($0)/0" }, runCount: run, comment: comment, exitStatus: nil,
      holdTypes: holds,
      owner: "root@s", pod: redis)
  }

  // MARK: Words for decisions

  private static func bind(_ number: Int, to node: String, run: Int = 1) -> BrokerMessage {
    .bind(.init(pod: redis, node: node, job: "\(number).s", runCount: run))
  }

  private static func waits(_ number: Int, _ message: String) -> BrokerMessage {
    .report(
      .init(
        pod: redis, job: "\(number).s", reason: "FailedScheduling", message: message, warning: true,
        unscheduled: true))
  }

  private static func tells(_ number: Int, _ reason: String, _ message: String) -> BrokerMessage {
    .report(
      .init(
        pod: redis, job: "\(number).s", reason: reason, message: message, warning: true,
        unscheduled: false))
  }

  private static func evict(_ number: Int, _ message: String) -> BrokerMessage {
    .evict(.init(pod: redis, job: "\(number).s", message: message))
  }

  private static func delete(_ numbers: Int..., because reason: String, force: Bool = false)
    -> [Decision.Deletion]
  {
    numbers.map { .init(job: "\($0).s", reason: reason, force: force) }
  }

  private static func says(_ message: String) -> BrokerMessage {
    .report(
      .init(
        pod: redis, job: nil, reason: "FailedScheduling", message: message, warning: true,
        unscheduled: true))
  }

  /// A job that runs on node1 with this much.
  private static func given(
    _ resources: [String: String], and more: [String: String]? = nil
  ) -> Job {
    var job = job(5, .running, on: "node1")
    job.chunks = ([resources] + (more.map { [$0] } ?? [])).map {
      .init(vnode: "node1", resources: $0)
    }
    return job
  }

  private static let nothing = Decision()

  // MARK: The rules

  /// 1. A pod is bound only where its job runs.
  static let binding = [
    Case(
      "a job that runs binds its pod to its host",
      situation(pod(), jobs: [job(5, .running, on: "node1")]),
      Decision(message: bind(5, to: "node1"))),
    Case(
      "to the node that this host is",
      situation(pod(), jobs: [job(5, .running, on: "mom1")], nodes: ["mom1": "node1"]),
      Decision(message: bind(5, to: "node1"))),
    Case(
      "with the run of the job",
      situation(pod(), jobs: [job(5, .running, on: "node1", run: 2)]),
      Decision(message: bind(5, to: "node1", run: 2))),
    Case(
      "not before its host has reported",
      situation(pod(), jobs: [job(5, .running, substate: 41, on: "node1")]), nothing),
    Case(
      "unless the site says so",
      situation(pod(), jobs: [job(5, .running, substate: 41, on: "node1")], bindWhen: .prerun),
      Decision(message: bind(5, to: "node1"))),
    Case(
      "in any other substate neither",
      situation(pod(), jobs: [job(5, .running, substate: 43, on: "node1")], bindWhen: .prerun),
      nothing),
    Case(
      "nor to a host that is no node of the cluster",
      situation(pod(), jobs: [job(5, .running, on: "mom9")], nodes: ["mom1": "node1"]),
      Decision(
        message: waits(5, "job 5.s runs on mom9, which is not a node of this cluster"),
        needsHosts: true)),
    Case(
      "nor without a host",
      situation(pod(), jobs: [job(5, .running)]),
      Decision(
        message: waits(5, "job 5.s runs on no host, which is not a node of this cluster"),
        needsHosts: true)),
    Case(
      "nor by a job that has vanished with many others, whose end is doubted; nor is another submitted",
      situation(pod(), jobs: [job(5, .running, on: "node1")], unconfirmed: ["5.s"]),
      Decision(message: waits(5, "job 5.s: PBS does not know it, and will be asked again"))),
    Case(
      "rather by one that PBS knows",
      situation(
        pod(), jobs: [job(5, .running, on: "node1"), job(6, .running, on: "node2")],
        unconfirmed: ["5.s"]),
      Decision(
        message: bind(6, to: "node2"),
        deletions: delete(5, because: "job 6.s stands for the same pod"))),
    Case(
      "nor by a job for which PBS's server does not vouch",
      situation(pod(), jobs: [job(5, .running, on: "node1")], unproven: ["5.s"]),
      Decision(
        message: waits(5, "job 5.s: \(Reconciliation.unprovenWords)"),
        deletions: delete(5, because: Reconciliation.unprovenWords))),
    Case(
      "rather by a younger one for which it does",
      situation(
        pod(), jobs: [job(5, .running, on: "node1"), job(6, .running, on: "node2")],
        unproven: ["5.s"]),
      Decision(
        message: bind(6, to: "node2"),
        deletions: delete(5, because: "job 6.s stands for the same pod"))),
    Case(
      "nor by a job that is on its way out",
      situation(pod(), jobs: [job(5, .exiting, substate: 51, on: "node1")]), nothing),
  ]

  /// 2. One pod, at most one live job.
  static let oneJob = [
    Case("a pod without a job gets one", situation(pod()), Decision(submission: wanted)),
    Case("a pod with a job gets no second", situation(pod(), jobs: [job(5, .queued)]), nothing),
    Case(
      "nor while the first is on its way out",
      situation(
        pod(), jobs: [job(5, .exiting, substate: 51)], ended: [EndedJob(id: "4.s", words: "killed")]
      ), nothing),
    Case(
      "of two jobs the older stays",
      situation(pod(), jobs: [job(6, .queued), job(5, .queued)]),
      Decision(deletions: delete(6, because: "job 5.s stands for the same pod"))),
    Case(
      "older by number, not by text",
      situation(pod(), jobs: [job(10, .queued), job(9, .queued)]),
      Decision(deletions: delete(10, because: "job 9.s stands for the same pod"))),
    Case(
      "but a running one before an older one",
      situation(pod(), jobs: [job(5, .queued), job(6, .running, on: "node1"), job(7, .held)]),
      Decision(
        message: bind(6, to: "node1"),
        deletions: delete(5, 7, because: "job 6.s stands for the same pod"))),
    Case(
      "and nothing is bound from the second",
      situation(pod(), jobs: [job(6, .running, on: "node2"), job(5, .running, on: "node1")]),
      Decision(
        message: bind(5, to: "node1"),
        deletions: delete(6, because: "job 5.s stands for the same pod"))),
    Case(
      "the bound one stays before the running and the older",
      situation(
        pod(node: "node2", job: "6.s", run: "1", phase: "Running"),
        jobs: [job(5, .running, on: "node1"), job(6, .running, on: "node2")]),
      Decision(deletions: delete(5, because: "its pod is bound to node2 with job 6.s"))),
    Case(
      "a job that ended before the pod was bound is submitted again, and its end told",
      situation(
        pod(),
        ended: [EndedJob(id: "4.s", words: "first"), EndedJob(id: "5.s", words: "user unknown")]),
      Decision(
        message: waits(5, "job 5.s ended before the pod was bound: user unknown"),
        submission: wanted)),
    Case(
      "a pod with scheduling gates gets none", situation(pod(gates: ["example.com/quota"])), nothing
    ),
    Case(
      "and loses one that it has",
      situation(pod(gates: ["example.com/quota"]), jobs: [job(5, .queued)]),
      Decision(deletions: delete(5, because: "its pod has scheduling gates"))),
  ]

  private static let bound = pod(node: "node1", job: "5.s", run: "1", phase: "Running")

  /// 3. A bound pod that has not finished lives only while its job runs, Ready or not.
  static let ends = [
    Case(
      "while the job runs nothing follows", situation(bound, jobs: [job(5, .running, on: "node1")]),
      nothing),
    Case(
      "nor while it is only about to run",
      situation(bound, jobs: [job(5, .running, substate: 41, on: "node1")]), nothing),
    Case(
      "its end is the pod's",
      situation(
        bound, ended: [EndedJob(id: "5.s", words: "exceeded resource walltime (Exit_status -29)")]),
      Decision(message: evict(5, "job 5.s has ended: exceeded resource walltime (Exit_status -29)"))
    ),
    Case(
      "also of a pod that never became ready",
      situation(
        pod(node: "node1", job: "5.s", run: "1"), ended: [EndedJob(id: "5.s", words: "killed")]),
      Decision(message: evict(5, "job 5.s has ended: killed"))),
    Case(
      "a job on its way out has ended",
      situation(
        bound,
        jobs: [job(5, .exiting, on: "node1", comment: "run on (node1) and terminated by root@s")]),
      Decision(message: evict(5, "job 5.s is ending: run on (node1) and terminated by root@s"))),
    Case(
      "its job is ending, and PBS has not said why yet",
      situation(bound, jobs: [job(5, .exiting, on: "node1", comment: "run on (node1)")]),
      nothing),
    Case(
      "so has one that was queued again",
      situation(bound, jobs: [job(5, .queued, comment: "Not Running: preempted")]),
      Decision(
        message: evict(5, "job 5.s was taken off its host and queued again: Not Running: preempted")
      )),
    Case(
      "but when that word may be older than the binding, PBS is asked again",
      situation(bound, jobs: [job(5, .queued)], olderThanBinding: ["5.s"]),
      Decision(unconfirmed: "5.s")),
    Case(
      "or held after a rerun",
      situation(bound, jobs: [job(5, .held, holds: "s")]),
      Decision(message: evict(5, "job 5.s was taken off its host and queued again"))),
    Case(
      "or moved away",
      situation(bound, jobs: [job(5, .moved)]),
      Decision(message: evict(5, "job 5.s was moved to another server"))),
    Case(
      "or started again elsewhere",
      situation(bound, jobs: [job(5, .running, on: "node2", run: 2)]),
      Decision(message: evict(5, "job 5.s was started again on node2"))),
    Case(
      "but not one on a host that is no node, or not yet",
      situation(bound, jobs: [job(5, .running, on: "node1")], nodes: [:]), nothing),
    Case(
      "or started again on the same host, seen by its run_count alone",
      situation(bound, jobs: [job(5, .running, on: "node1", run: 2)]),
      Decision(message: evict(5, "job 5.s was started again (run 2)"))),
    Case(
      "without a recorded run the host alone counts",
      situation(pod(node: "node1", job: "5.s"), jobs: [job(5, .running, on: "node1", run: 2)]),
      nothing),
    Case(
      "a suspended job is told, and the pod left alone",
      situation(bound, jobs: [job(5, .suspended, on: "node1")]),
      Decision(message: tells(5, "JobSuspended", "PBS has suspended job 5.s"))),
    Case(
      "the end of another job is not its end",
      situation(
        bound, jobs: [job(5, .running, on: "node1")], ended: [EndedJob(id: "4.s", words: "killed")]),
      nothing),
    Case(
      "a finished pod ends its job and is left alone",
      situation(
        pod(node: "node1", job: "5.s", phase: "Succeeded"), jobs: [job(5, .running, on: "node1")]),
      Decision(deletions: delete(5, because: "its pod has finished"))),
    Case(
      "a failed one as well",
      situation(
        pod(node: "node1", job: "5.s", phase: "Failed"), jobs: [job(5, .running, on: "node1")]),
      Decision(deletions: delete(5, because: "its pod has finished"))),
    Case(
      "its job's end changes nothing then",
      situation(
        pod(node: "node1", job: "5.s", phase: "Succeeded"),
        ended: [EndedJob(id: "5.s", words: "done")]),
      nothing),
  ]

  /// 4. Silence is not an end.
  static let silence = [
    Case("a bound pod whose job is not told stays", situation(bound), nothing),
    Case(
      "and gets no second job",
      situation(pod(node: "node1", phase: "Running")), nothing),
    Case(
      "the end of a job that it does not name is not its end",
      situation(bound, ended: [EndedJob(id: "4.s", words: "killed")]), nothing),
  ]

  /// 5. A job is released only after its pod has really gone.
  static let release = [
    Case(
      "a pod that is gone releases its jobs",
      situation(.gone, jobs: [job(5, .running, on: "node1")]),
      Decision(deletions: delete(5, because: "its pod is gone"))),
    Case(
      "one that never was as well",
      situation(.neverSeen, jobs: [job(5, .queued), job(6, .running, on: "node1")]),
      Decision(deletions: delete(5, 6, because: "its pod does not exist"))),
    Case(
      "one deleted while its job waits too: nothing is bound",
      situation(pod(terminatingSince: 0), jobs: [job(5, .queued)]),
      Decision(deletions: delete(5, because: "its pod was deleted before it was bound"))),
    Case(
      "also when the job starts in that very moment",
      situation(pod(terminatingSince: 0), jobs: [job(5, .running, on: "node1")]),
      Decision(deletions: delete(5, because: "its pod was deleted before it was bound"))),
    Case("it gets no new job", situation(pod(terminatingSince: 0)), nothing),
    Case(
      "a terminating pod on a node keeps its job",
      situation(
        pod(node: "node1", job: "5.s", run: "1", terminatingSince: -30),
        jobs: [job(5, .running, on: "node1")]),
      nothing),
    Case(
      "however long it takes, while its host is there",
      situation(
        pod(node: "node1", job: "5.s", run: "1", terminatingSince: 86400),
        jobs: [job(5, .running, on: "node1")]),
      nothing),
    Case(
      "on a host that is away as well, within the patience",
      situation(
        pod(node: "node1", job: "5.s", run: "1", terminatingSince: 299),
        jobs: [job(5, .running, on: "node1")],
        hostAway: true),
      nothing),
    Case(
      "but not beyond",
      situation(
        pod(node: "node1", job: "5.s", run: "1", terminatingSince: 301),
        jobs: [job(5, .running, on: "node1")],
        hostAway: true),
      Decision(
        message: tells(
          5, "JobReleased",
          "job 5.s is released: the pod is still terminating on a host that is away"),
        deletions: delete(5, because: "its pod is stuck on a host that is away", force: true))),
    Case(
      "a terminating pod is not deleted a second time when its job ends",
      situation(
        pod(node: "node1", job: "5.s", run: "1", terminatingSince: -30),
        ended: [EndedJob(id: "5.s", words: "killed")]),
      nothing),
    Case(
      "a pod bound to another node than its job's releases the job",
      situation(pod(node: "node2"), jobs: [job(5, .running, on: "node1")]),
      Decision(deletions: delete(5, because: "its pod is bound to node2 without it"))),
    Case(
      "one bound by hand to where its job runs keeps it",
      situation(pod(node: "node1"), jobs: [job(5, .running, on: "node1")]), nothing),
    Case(
      "a job that waits for a pod bound by hand is released",
      situation(pod(node: "node1"), jobs: [job(5, .queued)]),
      Decision(deletions: delete(5, because: "its pod is bound to node1 without it"))),
  ]

  /// 6. Nothing is dropped in silence.
  static let words = [
    Case(
      "PBS's comment is told while a job waits",
      situation(
        pod(),
        jobs: [job(5, .queued, comment: "Not Running: Insufficient amount of resource: ncpus")]),
      Decision(message: waits(5, "job 5.s: Not Running: Insufficient amount of resource: ncpus"))),
    Case(
      "there is nothing to tell without one",
      situation(pod(), jobs: [job(5, .queued, comment: "")]), nothing),
    Case(
      "a hold is told, and followed",
      situation(pod(), jobs: [job(5, .held, holds: "o")]),
      Decision(message: waits(5, "job 5.s: held (o)"))),
    Case(
      "with PBS's comment where there is one",
      situation(pod(), jobs: [job(5, .held, comment: "Job held by root", holds: "u")]),
      Decision(message: waits(5, "job 5.s: held (u): Job held by root"))),
    Case(
      "a move is told",
      situation(pod(), jobs: [job(5, .moved)]),
      Decision(message: waits(5, "job 5.s: moved to another server, where it is not followed"))),
    Case(
      "a suspension before the binding is told",
      situation(pod(), jobs: [job(5, .suspended, on: "node1")]),
      Decision(message: waits(5, "job 5.s: suspended"))),
  ]

  /// What is refused or waits, and why, is decided here as well.
  static let refusals = [
    Case(
      "what PBS cannot honour is refused by name, and not submitted",
      situation(pod(), translation: .failure(Refusal("hostPort 80"))),
      Decision(message: says("hostPort 80"))),
    Case(
      "what PBS refuses is told in its words, and tried again",
      situation(pod(), refusal: "qsub: Unknown resource"),
      Decision(message: says("PBS refuses the job: qsub: Unknown resource"), submission: wanted)),
    Case(
      "what PBS takes from nobody is not the pod's fault",
      situation(pod(), busy: "PBS takes no jobs at present: busy"),
      Decision(message: says("PBS takes no jobs at present: busy"), submission: wanted)),
    Case(
      "that PBS does not answer is told of a job that waits, too",
      situation(
        pod(), jobs: [job(5, .queued, comment: "Not Running")],
        hindrance: "PBS does not answer: no"),
      Decision(message: waits(5, "job 5.s: PBS does not answer: no"))),
    Case(
      "nothing is submitted before the cluster is known",
      situation(pod(), translation: nil), nothing),
    Case(
      "nothing is bound to a node whose kubelet rejects pods",
      situation(pod(), jobs: [job(5, .running, on: "node1")], rejecting: "node1"),
      Decision(
        message: waits(5, "job 5.s runs on node1: its kubelet rejects pods (OutOfcpu)"))),
  ]

  private static let enough = ["ncpus": "2", "mem": "655360kb", "ngpus": "1"]

  /// PBS's side may have altered the job since it was submitted.
  static let fit = [
    Case(
      "a job with all that its pod needs binds it",
      situation(pod(), jobs: [given(enough)]), Decision(message: bind(5, to: "node1"))),
    Case(
      "also with more, and in two vnodes of one host",
      situation(
        pod(), jobs: [given(enough, and: ["ncpus": "2"])]),
      Decision(message: bind(5, to: "node1"))),
    Case(
      "a job with too few CPUs does not",
      situation(pod(), jobs: [given(["ncpus": "1", "mem": "1gb", "ngpus": "1"])]),
      misfit("PBS has given it ncpus=1 instead of 2")),
    Case(
      "nor one with too little memory",
      situation(pod(), jobs: [given(["ncpus": "2", "mem": "655359kb", "ngpus": "1"])]),
      misfit("PBS has given it mem=655359kb instead of 640mb")),
    Case(
      "nor one without a resource",
      situation(pod(), jobs: [given(["ncpus": "2", "mem": "1gb", "ngpus": "0"])]),
      misfit("PBS has given it ngpus=0 instead of 1")),
  ]

  /// A pod that was resized while it ran is told what its job has.
  static let resize = [
    Case(
      "a job that has what its pod was resized to is no news",
      situation(bound, jobs: [given(enough)]), nothing),
    Case(
      "a job that has less is told, and left to run",
      situation(bound, jobs: [given(["ncpus": "1", "mem": "1gb", "ngpus": "1"])]),
      Decision(
        message: tells(
          5, "ResizedBeyondJob",
          "the pod was resized, and job 5.s cannot follow: it has ncpus=1 instead of 2, which PBS knows nothing of"
        ))),
  ]

  private static func misfit(_ words: String) -> Decision {
    Decision(
      message: waits(5, "job 5.s is deleted and submitted anew: \(words)"),
      deletions: delete(5, because: words))
  }

  /// What the pod's owner writes on it proves nothing.
  static let annotations = [
    Case(
      "a pod whose annotation was changed keeps the job that it was bound with",
      situation(
        pod(node: "node1", job: "9.s", phase: "Running"), jobs: [job(5, .running, on: "node1")],
        boundJob: "5.s"), nothing),
    Case(
      "also when nobody remembers which that was",
      situation(
        pod(node: "node1", job: "workq", phase: "Running"), jobs: [job(5, .running, on: "node1")]),
      nothing),
    Case(
      "its own job's end is the pod's all the same",
      situation(
        pod(node: "node1", job: "-Q", phase: "Running"),
        ended: [EndedJob(id: "5.s", words: "killed")], boundJob: "5.s"),
      Decision(message: evict(5, "job 5.s has ended: killed"))),
    Case(
      "the end of a job that it had before is not",
      situation(
        pod(node: "node1", job: "5.s", phase: "Running"),
        ended: [EndedJob(id: "4.s", words: "killed")]), nothing),
    Case(
      "a pod that names a job that is none of its is left alone",
      situation(pod(node: "node1", job: "9.s", phase: "Running"), disowned: "\"9.s\""),
      Decision(
        message: .report(
          .init(
            pod: redis, job: nil, reason: "UnknownJob",
            message:
              "the annotation pbs-connector/job-id names \"9.s\", which is not a job of this pod: the pod is left alone",
            warning: true, unscheduled: false)))),
  ]

  @Test(
    arguments: [
      binding, oneJob, ends, silence, release, words, refusals, fit, resize, annotations,
    ].flatMap { $0 })
  func decides(_ item: Case) {
    #expect(Reconciliation.decide(item.situation) == item.decision)
  }

  /// A doubled event is harmless, and the order in which PBS tells jobs does not matter.
  @Test(
    arguments: [
      binding, oneJob, ends, silence, release, words, refusals, fit, resize, annotations,
    ].flatMap { $0 })
  func decidesTheSameAgain(_ item: Case) {
    var reversed = item.situation
    reversed.jobs.reverse()
    let (first, second) = (Reconciliation.decide(item.situation), Reconciliation.decide(reversed))
    #expect(first.message == second.message)
    #expect(first.submission == second.submission)
    #expect(Set(first.deletions.map(\.job)) == Set(second.deletions.map(\.job)))
  }

  @Test func aPodWithoutUIDIsNobodys() {
    let pod = Pod(metadata: ObjectMeta(name: "redis"), spec: PodSpec(containers: []))
    #expect(Reconciliation.decide(Self.situation(.present(pod))) == Self.nothing)
  }
}
