import Kubernetes
import Runtime

/// What ``RejectionBackoff`` remembers. Each namespace has room of its own, so that what is in one takes
/// nothing from another.
struct RejectionTable: Sendable {
  typealias Key = RejectionBackoff.Key

  struct Entry: Sendable {
    var backoff: Backoff
    var reason = ""
    /// That its pods run says nothing: it is afterwards that they end.
    var isEarlyEnd = false
    /// Of a node: the least that was asked for by the pods that were rejected for want of a resource,
    /// by its name. Pods that ask for less of each need not wait.
    var sizes: [String: Int] = [:]
    /// Some pod was rejected whatever it asks for.
    var concernsAll = false
    var at = 0.0
    var until = 0.0
    /// A pod as large was taken since the last rejection, so that nobody waits for that one any more.
    var isOver = false
    /// Pods that try whether it goes well now, by their UIDs, and since when.
    var trials: [String: Double] = [:]
    /// How many trials went well since the last rejection.
    var passed = 0
    /// Nodes that PBS has chosen and whose taints keep the pod off.
    var nodes: Set<String> = []

    /// Whether the next rejection starts over: not right after a wait that is longer than the calm.
    func isCalm(_ now: Double) -> Bool {
      now - at > RejectionBackoff.calm && now - until > RejectionBackoff.calm / 2
    }

    /// Whether a pod that asks for this much may fare like those that were rejected.
    /// - Parameter asked: nil where that is not known.
    func concerns(_ asked: Amounts?) -> Bool {
      guard let asked, !concernsAll else { return true }
      return sizes.contains { asked[$0.key] >= $0.value }
    }
  }

  /// Nodes that are remembered at most, and owners, requests and places of one namespace; the oldest go
  /// first.
  static let mostNodes = 10_000
  static let mostOfNamespace = 1000

  /// By namespace; nil for nodes.
  private var tables: [String?: [Key: Entry]] = [:]

  subscript(key: Key) -> Entry? {
    get { tables[key.namespace]?[key] }
    set {
      tables[key.namespace, default: [:]][key] = newValue
      if tables[key.namespace]?.isEmpty == true { tables[key.namespace] = nil }
    }
  }

  var hasPlacements: Bool {
    tables.values.contains { table in
      table.keys.contains { if case .placement = $0 { true } else { false } }
    }
  }

  /// How many there are.
  var count: Int { tables.values.reduce(0) { $0 + $1.count } }

  /// Forgets what need not be remembered, where there is no room for one more.
  mutating func makeRoom(for key: Key, now: Double) {
    let namespace = key.namespace
    let most = namespace == nil ? Self.mostNodes : Self.mostOfNamespace
    guard let table = tables[namespace], table.count >= most, table[key] == nil else { return }
    tables[namespace] = table.filter { !$0.value.isCalm(now) }
    guard let rest = tables[namespace], rest.count >= most,
      let oldest = rest.min(by: { $0.value.at < $1.value.at })
    else { return }
    tables[namespace]?[oldest.key] = nil
  }

  mutating func removeAll(where isOver: (Key, Entry) -> Bool) {
    for (namespace, table) in tables {
      let rest = table.filter { !isOver($0.key, $0.value) }
      guard rest.count < table.count else { continue }
      tables[namespace] = rest.isEmpty ? nil : rest
    }
  }
}
