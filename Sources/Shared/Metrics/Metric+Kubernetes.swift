/// What kube-watcher and binder tell of the API server, and of themselves.
extension Metric {
  static let ofKubernetes = [apiRequests, apiRequestSeconds]
  static let ofWatcher = [leader, watchedObjects, watchLists, watchEvents, watchFailures]
  static let ofBinder = [
    bindings, deletions, reports, events, binderQueue, binderActive, apiResting,
  ]

  public static let apiRequests = Metric(
    "pbs_connector_kubernetes_requests_total", .counter,
    "Requests to the API server by HTTP status; error is one without an answer",
    labels: ["verb", "resource", "code"])
  public static let apiRequestSeconds = Metric(
    "pbs_connector_kubernetes_request_duration_seconds", .calls,
    "How long requests to the API server took, watches left out", labels: ["verb", "resource"])

  public static let leader = Metric(
    "pbs_connector_leader", .gauge,
    "Whether this kube-watcher leads; 1 also where leader-elect is off")
  public static let watchedObjects = Metric(
    "pbs_connector_watched_objects", .gauge, "Objects that kube-watcher holds", labels: ["kind"])
  public static let watchLists = Metric(
    "pbs_connector_watch_lists_total", .counter, "Lists that were complete", labels: ["resource"])
  public static let watchEvents = Metric(
    "pbs_connector_watch_events_total", .counter, "Events of watches, bookmarks among them",
    labels: ["resource"])
  public static let watchFailures = Metric(
    "pbs_connector_watch_failures_total", .counter,
    "Lists and watches that ended in an error and were begun anew", labels: ["resource"])

  public static let bindings = Metric(
    "pbs_connector_bindings_total", .counter, "What became of bindings that pbs-broker asked for",
    labels: ["namespace", "result"])
  public static let deletions = Metric(
    "pbs_connector_pod_deletions_total", .counter,
    "What became of deletions of pods that pbs-broker asked for", labels: ["namespace", "result"])
  public static let reports = Metric(
    "pbs_connector_pod_reports_total", .counter,
    "What became of reports on pods that pbs-broker asked for", labels: ["namespace", "result"])
  public static let events = Metric(
    "pbs_connector_events_total", .counter, "Kubernetes Events: written, failed or left out",
    labels: ["result"])
  public static let binderQueue = Metric(
    "pbs_connector_binder_queue_depth", .gauge, "What waits to be done, by kind",
    labels: ["kind"])
  public static let binderActive = Metric(
    "pbs_connector_binder_active", .gauge, "Pods on which something is under way")
  public static let apiResting = Metric(
    "pbs_connector_kubernetes_resting", .gauge,
    "Whether binder sends nothing because the API server is in trouble or asked for rest")
}
