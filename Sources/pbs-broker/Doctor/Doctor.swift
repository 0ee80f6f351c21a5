import Kubernetes
import Messages

/// Compares PBS's hosts with Kubernetes' nodes. Pure: from what both sides have told.
struct Doctor {
  var hostMap: HostMap
  /// Nodes by name.
  var nodes: [String: Node]
  /// What pods that are not ours hold, by node.
  var uses: [String: NodeUse]
  /// What pods of our scheduler names hold that have no job, by node.
  var jobless: [String: Amounts] = [:]
  var policy = TranslationPolicy()
  /// Whether pbs-broker lets hosts have what their nodes have.
  var syncsResources = false

  /// All hosts, sorted by name, then the nodes that are no hosts.
  func reports() -> [HostReport] {
    let hosts = Dictionary(grouping: hostMap.hosts.vnodes, by: \.host)
    let unmatched = hostMap.unmatched()
    return hosts.keys.sorted().map { report(of: $0, hosts[$0] ?? []) }
      + unmatched.nodesWithoutHost.map { node in
        HostReport(
          host: nil, node: node, cpus: (nil, cpuText(node)), memory: (nil, memoryText(node)),
          findings: [
            .init(
              kind: .noHost, words: "is no host of PBS, so no pod comes there by PBS",
              isWrong: false)
          ])
      }
  }

  // MARK: One host

  private func report(of host: String, _ vnodes: [PBSVnode]) -> HostReport {
    var report = HostReport(
      host: host, node: nil, cpus: (total("ncpus", vnodes).map(String.init), nil),
      memory: (total("mem", vnodes).map { AmountText.text($0, "memory") }, nil))
    guard let name = hostMap.node(of: host), let node = nodes[name] else {
      report.findings = [missing(host)]
      return report
    }
    report.node = name
    report.cpus.node = cpuText(name)
    report.memory.node = memoryText(name)
    report.findings =
      spelling(host, node) + capacity(host, vnodes, node) + synced(vnodes)
      + state(host, vnodes, node)
    return report
  }

  private func missing(_ host: String) -> HostReport.Finding {
    let found: [String]
    if case .several(let several) = hostMap.match(host: host) {
      found = several
    } else {
      found = []
    }
    let words =
      found.isEmpty
      ? "there is no node of this name: a pod whose job starts here is not bound"
      : "could be each of the nodes \(found.joined(separator: ", ")), so it is none of them"
    return .init(
      kind: found.isEmpty ? .noNode : .severalNodes, words: words,
      cure: "pbs-broker.hosts: {\(host): NODE}", isWrong: true)
  }

  private func spelling(_ host: String, _ node: Node) -> [HostReport.Finding] {
    let names = [node.metadata.name, node.metadata.labels?[WellKnown.hostnameLabel]]
    let isExact = names.contains { $0?.lowercased() == host.lowercased() }
    let isEntered = hostMap.table.values.contains {
      $0.lowercased() == node.metadata.name.lowercased()
    }
    guard !isExact, !isEntered else { return [] }
    return [
      .init(
        kind: .looseName,
        words: "is taken for node \(node.metadata.name) by a part of its name",
        cure: "pbs-broker.hosts: {\(host): \(node.metadata.name)}", isWrong: false)
    ]
  }

  private func state(_ host: String, _ vnodes: [PBSVnode], _ node: Node) -> [HostReport.Finding] {
    let isOpen = vnodes.contains { !$0.isOffline && !$0.isDown && !$0.isBarred }
    let name = node.metadata.name
    if isOpen, node.spec?.unschedulable == true {
      return [
        .init(
          kind: .cordoned, words: "its node is cordoned, and PBS starts jobs there",
          cure: "pbsnodes -o \(host)",
          isWrong: true)
      ]
    }
    if isOpen, !node.isReady {
      return [
        .init(
          kind: .notReady, words: "its node is not ready, and PBS starts jobs there",
          cure: "pbsnodes -o \(host)",
          isWrong: true)
      ]
    }
    guard !isOpen, node.spec?.unschedulable != true, node.isReady else { return [] }
    let comment = vnodes.compactMap(\.comment).first.map { " (\($0))" } ?? ""
    let isOffline = vnodes.contains(where: \.isOffline)
    return [
      .init(
        kind: .away,
        words:
          "is \(isOffline ? "offline" : "down") in PBS\(comment), and other schedulers start pods on its node",
        cure: isOffline ? "kubectl cordon \(name)" : nil, isWrong: false)
    ]
  }

  // MARK: What there is

  private func cpuText(_ node: String) -> String? {
    forJobs(node, "cpu").map { AmountText.text($0, "cpu") }
  }

  private func memoryText(_ node: String) -> String? {
    forJobs(node, "memory").map { AmountText.text($0, "memory") }
  }

  /// What a node has for jobs: allocatable, less what others than jobs hold there. Reservations of
  /// native jobs and pods that are ending do not count.
  func forJobs(_ node: String, _ name: String) -> Int? {
    guard let all = nodes[node]?.status?.allocatable else { return nil }
    let use = uses[node] ?? NodeUse(node: node)
    let held = use.daemons[name] &+ use.others[name] &+ (jobless[node]?[name] ?? 0)
    return max(all[name] &- held, 0)
  }

  /// The sum over a host's vnodes; nil where none has any.
  func total(_ resource: String, _ vnodes: [PBSVnode]) -> Int? {
    let amounts = vnodes.compactMap { $0.resources[resource].flatMap(PBSSelect.amount) }
    return amounts.isEmpty ? nil : amounts.reduce(0) { $0 &+ $1 }
  }
}
