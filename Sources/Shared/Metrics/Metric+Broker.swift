/// What pbs-broker tells of pods, jobs and PBS.
extension Metric {
  static let ofBroker = [
    pods, jobs, submissions, refusals, evictionsAsked, jobEnds, outcomes, submissionDelay,
    startDelay, bindingDelay, queueDepth, submissionsPaused, vanishBrake, absenceBrake, hints,
    polls, doubledJobs, hostFindings,
  ]
  static let ofPBS = [
    pbsUp, pbsRequests, pbsRequestSeconds, pbsConnections, pbsConnectionsPerMinute,
    pbsConnectionLimit, helperStarts,
  ]

  public static let pods = Metric(
    "pbs_connector_pods", .gauge, "Pods of ours by namespace and state",
    labels: ["namespace", "state"])
  public static let jobs = Metric(
    "pbs_connector_jobs", .gauge, "Jobs of ours by their pod's namespace and PBS's state",
    labels: ["namespace", "state"])
  public static let submissions = Metric(
    "pbs_connector_submissions_total", .counter, "Submissions of jobs by what PBS made of them",
    labels: ["namespace", "result"])
  public static let refusals = Metric(
    "pbs_connector_refusals_total", .counter,
    "Pods that were refused, each once for the same words: by translation, or by PBS",
    labels: ["namespace", "reason"])
  public static let evictionsAsked = Metric(
    "pbs_connector_evictions_total", .counter,
    "Pods whose deletion was asked for, by what became of their job",
    labels: ["namespace", "reason"])
  public static let jobEnds = Metric(
    "pbs_connector_job_ends_total", .counter,
    "Jobs of ours that ended: deleted by us, or ended in PBS", labels: ["cause"])
  public static let outcomes = Metric(
    "pbs_connector_outcomes_total", .counter, "Binders' answers that counted",
    labels: ["request", "result"])
  public static let submissionDelay = Metric(
    "pbs_connector_pod_submission_delay_seconds", .waits,
    "Time from a pod's creation to its job's submission")
  public static let startDelay = Metric(
    "pbs_connector_pod_start_delay_seconds", .waits,
    "Time from a pod's creation to the start of its job")
  public static let bindingDelay = Metric(
    "pbs_connector_pod_binding_delay_seconds", .waits,
    "Time from a pod's creation to when it was seen bound")
  public static let queueDepth = Metric(
    "pbs_connector_queue_depth", .gauge,
    "What waits: submissions, deletions, messages that binders have not answered",
    labels: ["queue"])
  public static let submissionsPaused = Metric(
    "pbs_connector_submissions_paused", .gauge,
    "Whether one job at a time is tried because PBS takes none, or a limit is reached")
  public static let vanishBrake = Metric(
    "pbs_connector_vanish_brake", .gauge,
    "Jobs whose disappearance is doubted because many vanished at once")
  public static let absenceBrake = Metric(
    "pbs_connector_absence_brake", .gauge,
    "Pods whose absence is doubted because many were missing at once")
  public static let hostFindings = Metric(
    "pbs_connector_host_findings", .gauge,
    "What pbs-broker doctor finds of PBS's hosts and their nodes, every 5 minutes",
    labels: ["host", "finding", "severity"])
  public static let hints = Metric(
    "pbs_connector_hints_total", .counter, "Hints of PBS's hooks")
  public static let polls = Metric(
    "pbs_connector_polls_total", .counter, "Polls of PBS that it answered, and that it did not",
    labels: ["result"])
  public static let doubledJobs = Metric(
    "pbs_connector_doubled_jobs", .gauge, "Pods that have more than one job at this moment")

  public static let pbsUp = Metric(
    "pbs_connector_pbs_up", .gauge, "Whether PBS answered the last poll")
  public static let pbsRequests = Metric(
    "pbs_connector_pbs_requests_total", .counter,
    "Requests to PBS by what came of them: ok, or whose fault the failure is",
    labels: ["operation", "result"])
  public static let pbsRequestSeconds = Metric(
    "pbs_connector_pbs_request_duration_seconds", .calls,
    "How long PBS took for requests, waiting for a turn included", labels: ["operation"])
  public static let pbsConnections = Metric(
    "pbs_connector_pbs_connections_total", .counter,
    "Connections that PBS's commands have made to its server", labels: ["use"])
  public static let pbsConnectionsPerMinute = Metric(
    "pbs_connector_pbs_connections_per_minute", .gauge,
    "Connections of PBS's commands in the last minute", labels: ["use"])
  public static let pbsConnectionLimit = Metric(
    "pbs_connector_pbs_connections_per_minute_limit", .gauge,
    "What connections-per-minute gives to each use", labels: ["use"])
  public static let helperStarts = Metric(
    "pbs_connector_libpbs_helper_starts_total", .counter,
    "Starts of libpbs's helper process: more than one were restarts")
}
