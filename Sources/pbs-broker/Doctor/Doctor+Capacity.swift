import Kubernetes
import Messages

extension Doctor {
  /// Resources of nodes that are no matter of a select, where the policy says nothing of them.
  private static let unmanaged = ["ephemeral-storage", "hugepages-", "attachable-volumes-"]

  /// Where PBS has more of a host than its node has for jobs, or gives out less of its devices.
  func capacity(_ host: String, _ vnodes: [PBSVnode], _ node: Node) -> [HostReport.Finding] {
    guard let all = node.status?.allocatable else { return [] }
    return [cpus(vnodes, node.metadata.name, all), memory(vnodes, node.metadata.name, all)]
      .compactMap(\.self) + devices(vnodes, node.metadata.name, all)
  }

  private func cpus(_ vnodes: [PBSVnode], _ node: String, _ all: Amounts) -> HostReport.Finding? {
    let counterpart: (name: String, unit: Int)
    switch policy.resources["cpu"] {
    case .resource(let name, let unit): counterpart = (name, Self.count(unit, of: "cpu"))
    case .ignored: return nil
    case nil: counterpart = ("ncpus", 1000)
    }
    let (name, unit) = counterpart
    guard let found = total(name, vnodes), let has = forJobs(node, "cpu"),
      found.multipliedReportingOverflow(by: unit).partialValue > has
    else { return nil }
    return .init(
      kind: .cpus,
      words:
        "\(name) is \(found), and its node has \(AmountText.text(has, "cpu")) cpu for jobs\(holders(node, "cpu", all))",
      cure: cure(vnodes, name, "\(has / unit)"), isWrong: true)
  }

  private func memory(_ vnodes: [PBSVnode], _ node: String, _ all: Amounts) -> HostReport.Finding? {
    guard let found = total("mem", vnodes), let has = forJobs(node, "memory"), found > has else {
      return nil
    }
    let size = JobDescription.Chunk.size
    return .init(
      kind: .memory,
      words:
        "mem is \(size(found)), and its node has \(has / 1024)kb for jobs\(holders(node, "memory", all))",
      cure: cure(vnodes, "mem", "\(has / 1024)kb"), isWrong: true)
  }

  // MARK: Devices

  private func devices(_ vnodes: [PBSVnode], _ node: String, _ all: Amounts) -> [HostReport.Finding]
  {
    var findings: [HostReport.Finding] = []
    var resources: [String: [String]] = [:]
    for name in Set(all.others.keys).union(policy.resources.keys).sorted() where name != "cpu" {
      switch policy.resources[name] {
      case .resource(let pbs, _): resources[pbs, default: []].append(name)
      case .ignored: break
      case nil where !Self.unmanaged.contains(where: name.hasPrefix):
        findings.append(
          .init(
            kind: .unknownDevice,
            words: "its node has \(all[name]) \(name), which stands for nothing in PBS",
            cure: "pbs-broker.resources: {\(name): RESOURCE}", isWrong: false))
      case nil: break
      }
    }
    for (pbs, names) in resources.sorted(by: { $0.key < $1.key }) {
      let has = names.reduce(0) { $0 + units(of: $1, node) }
      let found = total(pbs, vnodes)
      guard found ?? 0 != has else { continue }
      findings.append(
        .init(
          kind: .devices,
          words:
            "\(pbs) is \(found.map(String.init) ?? "not set"), and its node has \(has) (\(names.joined(separator: ", "))) for jobs",
          cure: cure(vnodes, pbs, "\(has)"), isWrong: found ?? 0 > has))
    }
    return findings
  }

  /// How many of its counterpart a node's devices make.
  private func units(of resource: String, _ node: String) -> Int {
    guard case .resource(_, let unit) = policy.resources[resource] else { return 0 }
    return (forJobs(node, resource) ?? 0) / Self.count(unit, of: resource)
  }

  /// A quantity of a resource in the unit of ``Amounts``.
  private static func count(_ quantity: Quantity, of resource: String) -> Int {
    max(Amounts([resource: quantity])[resource], 1)
  }

  // MARK: Words

  private func cure(_ vnodes: [PBSVnode], _ resource: String, _ value: String) -> String? {
    // Of several vnodes, which is to have less is the administrator's to say.
    guard vnodes.count == 1, let vnode = vnodes.first, PBSHosts.isName(vnode.name) else {
      return nil
    }
    return "qmgr -c 'set node \(vnode.name) resources_available.\(resource) = \(value)'"
  }

  /// " (2 less 0.1 of DaemonSets and static pods)"; empty where nobody holds any.
  private func holders(_ node: String, _ resource: String, _ all: Amounts) -> String {
    let use = uses[node] ?? NodeUse(node: node)
    let parts = [
      (use.daemons, "DaemonSets and static pods"), (use.others, "pods of other schedulers"),
      (jobless[node] ?? Amounts(), "pods without a job"),
    ].filter { $0.0[resource] > 0 }.map { amounts, who in
      "\(AmountText.text(amounts[resource], resource)) of \(who)"
    }
    guard !parts.isEmpty else { return "" }
    return
      " (\(AmountText.text(all[resource], resource)) less \(parts.joined(separator: " and ")))"
  }
}
