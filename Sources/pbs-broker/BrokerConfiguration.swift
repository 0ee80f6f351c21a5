import Startup

/// pbs-broker's part of the configuration file, and the flags that stand before it: read whole, or
/// not at all.
struct BrokerConfiguration {
  struct Flags: Sendable {
    var watcher: String?
    var socket: String?
    var pbsExec: String?
    var pbsBackend: BackendKind?
    var syncsResources = false
  }

  /// Keys that a reload makes count; all others do at the next start.
  static let reloadable: Set<String> = [
    "annotations", "account", "bind-when", "check-capacity", "deadline-margin", "default-cpu",
    "default-memory", "default-walltime", "flavours", "group", "hosts", "ignore-taints",
    "labels-from-pbs", "least-cpu", "least-memory", "limits", "log-level", "longest-walltime",
    "look-interval", "look-interval-with-hints", "namespaces", "node-labels", "orphan-grace",
    "priority-classes", "project", "queue", "resources", "room-patience", "sync-down",
    "sync-interval", "sync-nodes", "sync-not-ready", "sync-resources", "sync-rest", "sync-taints",
    "taint-resources",
    "terminating-patience", "unsupported", "user", "volume-patience",
  ]

  let watcher: String
  let socket: String
  let hints: String
  let exec: String?
  let peers: [UInt32]
  let servers: [UInt32]
  let own: BrokerSettings

  /// - Throws: `StartupError` for the first thing that is wrong.
  init(_ settings: Settings, _ flags: Flags) throws {
    watcher =
      try settings.text("watcher", flag: flags.watcher)
      ?? "\(Process.runDirectory)/kube-watcher.sock"
    let socket =
      try settings.text("socket", flag: flags.socket) ?? "\(Process.runDirectory)/pbs-broker.sock"
    self.socket = socket
    hints =
      try settings.text("hints-socket")
      ?? (socket.hasSuffix(".sock") ? String(socket.dropLast(5)) : socket) + "-hints.sock"
    exec = try settings.text("pbs-exec", flag: flags.pbsExec)
    peers = try Process.userIDs(
      settings.texts("allowed-peers") ?? [], key: "pbs-broker.allowed-peers")
    servers = try Process.serverIDs(
      settings.texts("allowed-servers"), key: "pbs-broker.allowed-servers",
      packaged: "kube-watcher")
    own = try BrokerSettings(
      settings, pbsBackend: flags.pbsBackend, syncsResources: flags.syncsResources)
    // Asked for before, by every process.
    settings.passOver(Process.commonKeys)
    try settings.finish()
  }
}
