/// Which process has which metrics.
extension Metric {
  /// All of one program's: "kube-watcher", "pbs-broker" or "binder".
  public static func all(of program: String) -> [Metric] {
    switch program {
    case "kube-watcher": ofProcess + ofServer + ofKubernetes + ofWatcher
    case "pbs-broker": ofProcess + ofServer + ofSubscription + ofBroker + ofPBS
    case "binder": ofProcess + ofSubscription + ofKubernetes + ofBinder
    default: ofProcess
    }
  }
}
