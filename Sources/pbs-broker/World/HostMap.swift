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

  /// The table by host, and its nodes, in small letters.
  private var nodeOfEntry: [String: String] = [:]
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

  /// A host's own name in small letters, by any name of it or of its vnodes; what is no name is
  /// returned as it is.
  func hostName(_ name: String) -> String { (hostOfName[name.lowercased()] ?? name).lowercased() }

  /// The node that a PBS host is, by any name of the host or of its vnodes. It exists.
  func node(of host: String) -> String? { match(host: host).only }

  /// The same, with those that it could be where it is not certain.
  func match(host name: String) -> Match {
    let host = hostName(name)
    let vnodes = vnodesOfHost[host] ?? [name.lowercased()]
    let entries = Set(vnodes.union([host]).compactMap { nodeOfEntry[$0] })
    if !entries.isEmpty {
      return Match(Set(entries.compactMap { nodes.spelled($0) }))
    }
    // What an entry of the table speaks for is no other host's.
    let isFree = { (node: String) in entriesOfNode[node.lowercased()] == nil }
    for names in [[host], vnodes] {
      let exact = names.reduce(into: Set()) { $0.formUnion(nodes.named($1)) }.filter(isFree)
      if !exact.isEmpty { return Match(exact) }
    }
    for names in [[host], vnodes] {
      let similar = names.reduce(into: Set()) { $0.formUnion(nodes.similar(to: $1)) }
        .filter(isFree)
      if !similar.isEmpty { return Match(similar) }
    }
    return .none
  }

  /// The PBS host that a node is, for `select=host=`.
  func match(node: String) -> Match {
    guard let name = nodes.spelled(node.lowercased()) else { return .none }
    var candidates = Set((entriesOfNode[name.lowercased()] ?? []).compactMap { hostOfName[$0] })
    if candidates.isEmpty {
      for alias in nodes.names(of: name) {
        let short = hostsOfShort[String(alias.prefix { $0 != "." })] ?? []
        candidates.formUnion(short.compactMap { hostOfName[$0] })
      }
    }
    return Match(candidates.filter { self.node(of: $0) == name })
  }

  /// Whether each node that is a host of PBS fulfils something that depends on its labels alone.
  func everyHost(fulfils test: (NodeNames.Platform) -> Bool) -> Bool {
    nodes.platforms.allSatisfy { platform, names in
      test(platform) || names.allSatisfy { match(node: $0) == .none }
    }
  }

  // MARK: Indexes

  private mutating func indexTable() {
    nodeOfEntry = [:]
    entriesOfNode = [:]
    for (host, node) in table {
      nodeOfEntry[host.lowercased()] = node.lowercased()
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
