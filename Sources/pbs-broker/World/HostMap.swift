import Kubernetes

/// The one place that knows every name of a PBS host and of a Kubernetes node, and which host is
/// which node: by the table in the configuration, by equal names, or by a short name and a full
/// one whose first label it is. Names of machines are compared without regard to case.
///
/// A host has the name that `select=host=` uses (resources_available.host) and those of its
/// vnodes; a node has its own and that of its label kubernetes.io/hostname.
struct HostMap: Sendable {
  /// PBS host or vnode to node, from the configuration.
  var table: [String: String] {
    didSet { indexTable() }
  }
  /// PBS's hosts; none while PBS has not named them.
  var hosts: PBSHosts {
    didSet { indexHosts() }
  }
  private(set) var nodes = NodeNames()

  /// The table by host, and its nodes, in small letters. Keys that differ in case alone are one.
  private var nodeOfEntry: [String: Set<String>] = [:]
  private var entriesOfNode: [String: [String]] = [:]
  /// A host as PBS spells it, by each of its names in small letters.
  private var hostOfName: [String: String] = [:]
  /// The names of its vnodes in small letters, by host in small letters.
  private var vnodesOfHost: [String: Set<String>] = [:]
  /// Hosts in small letters, by the first labels of all their names.
  private var hostsOfShort: [String: Set<String>] = [:]

  init(table: [String: String] = [:], nodes: [Node] = [], hosts: PBSHosts = PBSHosts()) {
    self.table = table
    self.hosts = hosts
    for node in nodes { self.nodes.update(node) }
    indexTable()
    indexHosts()
  }

  /// Takes in a node as it is now.
  /// - Returns: whether it changes anything here.
  mutating func update(_ node: Node) -> Bool { nodes.update(node) }

  mutating func removeNode(_ name: String) { nodes.remove(name) }

  /// PBS has named its hosts.
  var knowsHosts: Bool { !hosts.vnodes.isEmpty }

  /// What was found for a name.
  enum Match: Equatable {
    case none
    case one(String)
    /// It could be each of these, sorted, so it is none of them.
    case several([String])

    init(_ found: Set<String>) {
      self =
        found.count > 1 ? .several(found.sorted()) : found.first.map { .one($0) } ?? .none
    }

    /// The only one.
    var only: String? {
      if case .one(let name) = self { name } else { nil }
    }
  }

  /// A host's own name in small letters, by any name of it or of its vnodes, or by the first label
  /// that no other host has; what is no name is returned as it is.
  func hostName(_ name: String) -> String {
    let name = name.lowercased()
    if let host = hostOfName[name] { return host.lowercased() }
    let similar = hostsOfShort[name] ?? []
    return similar.count == 1 ? similar.first ?? name : name
  }

  /// The node that a PBS host is, by any name of the host or of its vnodes. It exists.
  func node(of host: String) -> String? { match(host: host).only }

  /// The node that a job runs on: by the vnodes that PBS gave it, since exec_host names a host by its
  /// first label alone; by that where PBS has not named those vnodes yet.
  func node(of job: Job) -> String? {
    let hosts = Set(job.chunks.map { hostOfName[$0.vnode.lowercased()] })
    if hosts.count == 1, let host = hosts.first.flatMap({ $0 }) { return node(of: host) }
    return job.host.flatMap { node(of: $0) }
  }

  /// The same, with those that it could be where it is not certain.
  func match(host name: String) -> Match {
    let claim = claim(of: name)
    // What another host has the same right to, or a better one, is not this one's.
    return Match(claim.nodes.filter { !isClaimed($0, asGoodAs: claim) })
  }

  /// The PBS host that a node is, for `select=host=`.
  func match(node: String) -> Match {
    guard let name = nodes.spelled(node.lowercased()) else { return .none }
    if let entries = entriesOfNode[name.lowercased()] {
      return Match(Set(entries.compactMap { hostOfName[$0] }).filter { self.node(of: $0) == name })
    }
    let claims = claims(on: name)
    guard let best = claims.map(\.rank).min() else { return .none }
    let hosts = Match(Set(claims.filter { $0.rank == best }.compactMap { hostOfName[$0.host] }))
    // A host that could be other nodes as well is none of them.
    if let host = hosts.only, self.node(of: host) != name { return .none }
    return hosts
  }

  /// Whether each node that is a host of PBS fulfils something that depends on its labels alone; nil
  /// while no node is one, of which nothing follows.
  func everyHost(fulfils test: (NodeNames.Platform) -> Bool) -> Bool? {
    var fulfils: Bool?
    for (platform, names) in nodes.platforms {
      let isFulfilled = test(platform)
      guard !isFulfilled || fulfils == nil, names.contains(where: { match(node: $0) != .none })
      else { continue }
      guard isFulfilled else { return false }
      fulfils = true
    }
    return fulfils
  }

  // MARK: Which host has a right to which node

  /// The nodes that a host could be by its names.
  private struct Claim {
    /// The host in small letters.
    var host: String
    /// How good a right it has to them; the less the better, 0 for an entry of the table.
    var rank: Int
    var nodes: Set<String>
  }

  private func claim(of name: String) -> Claim {
    let host = hostName(name)
    if vnodesOfHost[host] == nil, hostsOfShort[host] != nil, nodeOfEntry[host] == nil {
      // The first label of several hosts.
      return Claim(host: host, rank: .max, nodes: [])
    }
    let vnodes = vnodesOfHost[host] ?? [name.lowercased()]
    let entries = vnodes.union([host]).reduce(into: Set()) { $0.formUnion(nodeOfEntry[$1] ?? []) }
    if !entries.isEmpty {
      return Claim(host: host, rank: 0, nodes: Set(entries.compactMap { nodes.spelled($0) }))
    }
    // What an entry of the table speaks for is no other host's.
    let isFree = { (node: String) in entriesOfNode[node.lowercased()] == nil }
    let ways: [(names: Set<String>, find: (String) -> Set<String>)] = [
      ([host], nodes.named), (vnodes, nodes.named),
      ([host], nodes.similar), (vnodes, nodes.similar),
    ]
    for (rank, way) in ways.enumerated() {
      let found = way.names.reduce(into: Set()) { $0.formUnion(way.find($1)) }.filter(isFree)
      if !found.isEmpty { return Claim(host: host, rank: rank + 1, nodes: found) }
    }
    return Claim(host: host, rank: ways.count + 1, nodes: [])
  }

  /// What PBS's hosts have a right to a node by their names.
  private func claims(on node: String) -> [Claim] {
    let hosts = nodes.names(of: node).reduce(into: Set()) {
      $0.formUnion(hostsOfShort[String($1.prefix { $0 != "." })] ?? [])
    }
    return hosts.map(claim).filter { $0.nodes.contains(node) }
  }

  private func isClaimed(_ node: String, asGoodAs claim: Claim) -> Bool {
    // Several entries for one node are the administrator's word.
    guard claim.rank > 0 else { return false }
    return claims(on: node).contains { $0.host != claim.host && $0.rank <= claim.rank }
  }

  // MARK: Indexes

  private mutating func indexTable() {
    nodeOfEntry = [:]
    entriesOfNode = [:]
    for (host, node) in table {
      nodeOfEntry[host.lowercased(), default: []].insert(node.lowercased())
      entriesOfNode[node.lowercased(), default: []].append(host.lowercased())
    }
  }

  private mutating func indexHosts() {
    hostOfName = [:]
    vnodesOfHost = [:]
    hostsOfShort = [:]
    for vnode in hosts.vnodes {
      let host = vnode.host.lowercased()
      vnodesOfHost[host, default: []].insert(vnode.name.lowercased())
      if hostOfName[vnode.name.lowercased()] == nil {
        hostOfName[vnode.name.lowercased()] = vnode.host
      }
      for name in [vnode.name, vnode.host] {
        let short = String(name.lowercased().prefix { $0 != "." })
        hostsOfShort[short, default: []].insert(host)
      }
    }
    // A host's own name is its own, though a vnode of another one should bear it.
    for vnode in hosts.vnodes { hostOfName[vnode.host.lowercased()] = vnode.host }
  }
}
