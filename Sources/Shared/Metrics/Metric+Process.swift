/// What all three processes tell of themselves.
extension Metric {
  static let ofProcess = [
    buildInfo, ready, conditionMet, loopDelay, logLines, monitoringRequests, droppedSeries,
    processCPU, processResident, processVirtual, processStart, processDescriptors,
    processMostDescriptors,
  ]

  public static let buildInfo = Metric(
    "pbs_connector_build_info", .gauge, "1, with the program and its version as labels",
    labels: ["program", "version"])
  public static let ready = Metric(
    "pbs_connector_ready", .gauge, "Whether all conditions of /readyz are met")
  public static let conditionMet = Metric(
    "pbs_connector_condition_met", .gauge, "Whether one of the conditions of /readyz is met",
    labels: ["condition"])
  public static let loopDelay = Metric(
    "pbs_connector_loop_delay_seconds", .calls,
    "How much later than asked for a timer of one second fires: how long the loop was busy")
  public static let logLines = Metric(
    "pbs_connector_log_lines_total", .counter, "Lines logged, by level", labels: ["level"])
  public static let monitoringRequests = Metric(
    "pbs_connector_monitoring_requests_total", .counter,
    "Requests on metrics-address by status; timeout is one that was not whole in time",
    labels: ["code"])
  public static let droppedSeries = Metric(
    "pbs_connector_dropped_series_total", .counter,
    "Values that were not counted because their metric has too many series")

  // The names that all of Prometheus' own client libraries use.
  public static let processCPU = Metric(
    "process_cpu_seconds_total", .counter, "User and system CPU time spent, in seconds")
  public static let processResident = Metric(
    "process_resident_memory_bytes", .gauge, "Resident memory size in bytes")
  public static let processVirtual = Metric(
    "process_virtual_memory_bytes", .gauge, "Virtual memory size in bytes")
  public static let processStart = Metric(
    "process_start_time_seconds", .gauge,
    "Start time of the process since the Unix epoch, in seconds")
  public static let processDescriptors = Metric(
    "process_open_fds", .gauge, "Number of open file descriptors")
  public static let processMostDescriptors = Metric(
    "process_max_fds", .gauge, "Maximum number of open file descriptors")
}
