import Kubernetes

/// The nodes that are hosts of PBS by their taints: most have none, and most of the others the same
/// ones. So what a pod does not tolerate is found by looking at few lists, however many hosts there are.
struct HostTaints: Sendable {
  /// The taints of nodes that have some, by name, be they hosts of PBS or not.
  private(set) var ofNodes: [String: [Taint]] = [:]
  /// Nodes that are hosts, sorted, by their taints; those without any by an empty list.
  private var groups: [[Taint]: [String]] = [:]
  /// Hosts by their nodes.
  private var hosts: [String: String] = [:]

  /// What is left for a pod.
  enum Left: Sendable, Equatable {
    /// Several hosts, or nothing is known of any.
    case many
    case one(host: String)
    /// The nodes that come first, as many as are named, each with the taint; and how many there are.
    case none(of: [(node: String, taint: Taint)], count: Int)

    static func == (a: Left, b: Left) -> Bool {
      switch (a, b) {
      case (.many, .many): true
      case (.one(let a), .one(let b)): a == b
      case (.none(let a, let countA), .none(let b, let countB)):
        countA == countB && a.map(\.node) == b.map(\.node) && a.map(\.taint) == b.map(\.taint)
      default: false
      }
    }
  }

  /// - Parameter taints: of the nodes that have some, by name.
  init(_ taints: [String: [Taint]] = [:], on map: HostMap = HostMap()) {
    ofNodes = taints
    for host in Set(map.hosts.vnodes.map(\.host)).sorted() {
      guard let node = map.node(of: host), hosts.updateValue(host, forKey: node) == nil else {
        continue
      }
      groups[taints[node] ?? [], default: []].append(node)
    }
    for key in groups.keys { groups[key]?.sort() }
  }

  /// A node has other taints now.
  mutating func set(_ taints: [Taint], of node: String) {
    let before = ofNodes.updateValue(taints, forKey: node) ?? []
    if taints.isEmpty { ofNodes[node] = nil }
    guard hosts[node] != nil, taints != before else { return }
    if let place = groups[before]?.firstIndex(of: node) { groups[before]?.remove(at: place) }
    if groups[before]?.isEmpty == true { groups[before] = nil }
    let place = groups[taints]?.firstIndex { $0 > node } ?? groups[taints]?.count ?? 0
    groups[taints, default: []].insert(node, at: place)
  }

  /// How many lists of taints there are to look at.
  var groupCount: Int { groups.count }

  /// The hosts that are left for a pod.
  /// - Parameters:
  ///   - most: how many nodes are named where none is.
  ///   - untolerated: the first taint of a list that keeps the pod off.
  func left(naming most: Int, _ untolerated: ([Taint]) -> Taint?) -> Left {
    var left: [String] = []
    var named: [(node: String, taint: Taint)] = []
    var count = 0
    for (taints, nodes) in groups {
      if let taint = untolerated(taints) {
        count += nodes.count
        named += nodes.prefix(most).map { ($0, taint) }
      } else {
        left += nodes.prefix(2)
        if left.count > 1 { return .many }
      }
    }
    // Where nothing keeps the pod off, PBS need not be told of its only host.
    guard count > 0 else { return .many }
    guard let only = left.first.flatMap({ hosts[$0] }) else {
      return .none(of: Array(named.sorted { $0.node < $1.node }.prefix(most)), count: count)
    }
    return .one(host: only)
  }
}
