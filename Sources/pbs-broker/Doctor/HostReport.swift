/// What was found about a PBS host and its node.
struct HostReport: Sendable, Equatable {
  /// As PBS names it; nil for a node that is no host.
  var host: String?
  var node: String?
  /// What PBS has, and what its node has for jobs; nil where nothing is known.
  var cpus: (pbs: String?, node: String?)
  var memory: (pbs: String?, node: String?)
  var findings: [Finding] = []

  /// Something that the two sides do not agree on.
  struct Finding: Sendable, Equatable {
    /// What it is about, for metrics.
    enum Kind: String, CaseIterable, Sendable {
      case noNode = "no-node"
      case severalNodes = "several-nodes"
      case noHost = "no-host"
      case looseName = "loose-name"
      case cpus, memory, devices
      case unknownDevice = "unknown-device"
      case cordoned
      case notReady = "not-ready"
      case away
      case severalVnodes = "several-vnodes"
      case setByHand = "set-by-hand"
      case killDelay = "kill-delay"
    }

    var kind: Kind
    /// "ncpus is 8, and the node has 1.9 cpu of 2 for jobs (...)".
    var words: String
    /// A line for a shell, or what to set; nil where there is no single one.
    var cure: String?
    /// Pods fail or wait for it; else it may well be intended.
    var isWrong: Bool
  }

  /// For people.
  var name: String { host.map { "host \($0)" } ?? "node \(node ?? "")" }

  var isWrong: Bool { findings.contains(where: \.isWrong) }

  static func == (a: HostReport, b: HostReport) -> Bool {
    a.host == b.host && a.node == b.node && a.cpus == b.cpus && a.memory == b.memory
      && a.findings == b.findings
  }
}
