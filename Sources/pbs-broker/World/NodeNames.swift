import Kubernetes

/// Kubernetes' nodes by all their names, and what of their labels counts.
struct NodeNames: Sendable {
  /// Operating system and architecture, by their labels.
  typealias Platform = [String: String]

  /// The labels that make a ``Platform``. Kubelets set them, and never change them.
  static let platformLabels: Set<String> = [
    "kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
  ]

  /// Nodes by platform.
  private(set) var platforms: [Platform: Set<String>] = [:]

  private struct Known: Equatable {
    /// Its label kubernetes.io/hostname, if it has one.
    var label: String?
    var platform: Platform
  }
  private var known: [String: Known] = [:]
  /// Nodes by the value of that label, as it is written.
  private var labelled: [String: Set<String>] = [:]
  /// Nodes by name and label, in small letters; and by the first labels of both.
  private var aliases: [String: Set<String>] = [:]
  private var shorts: [String: Set<String>] = [:]
  /// Names as Kubernetes spells them, by names in small letters.
  private var spelling: [String: String] = [:]

  /// All nodes.
  var all: Set<String> { Set(known.keys) }

  /// Whether there is a node of exactly this name.
  func contains(_ name: String) -> Bool { known[name] != nil }

  /// - Returns: whether it is new, or another one of what counts has changed.
  @discardableResult
  mutating func update(_ node: Node) -> Bool {
    let name = node.metadata.name
    let labels = node.metadata.labels ?? [:]
    let new = Known(
      label: labels[WellKnown.hostnameLabel],
      platform: labels.filter { Self.platformLabels.contains($0.key) })
    guard known[name] != new else { return false }
    remove(name)
    known[name] = new
    spelling[name.lowercased()] = name
    platforms[new.platform, default: []].insert(name)
    if let label = new.label { labelled[label, default: []].insert(name) }
    for alias in names(of: name) {
      aliases[alias, default: []].insert(name)
      shorts[Self.short(alias), default: []].insert(name)
    }
    return true
  }

  mutating func remove(_ name: String) {
    guard let old = known[name] else { return }
    for alias in names(of: name) {
      Self.remove(name, from: &aliases, at: alias)
      Self.remove(name, from: &shorts, at: Self.short(alias))
    }
    if let label = old.label { Self.remove(name, from: &labelled, at: label) }
    Self.remove(name, from: &platforms, at: old.platform)
    spelling[name.lowercased()] = nil
    known[name] = nil
  }

  /// The nodes whose label kubernetes.io/hostname has this value.
  func labelled(_ value: String) -> Set<String> { labelled[value] ?? [] }

  func platform(of name: String) -> Platform { known[name]?.platform ?? [:] }

  /// A node's name as Kubernetes spells it; nil where there is no such node.
  func spelled(_ name: String) -> String? { spelling[name] }

  /// A node's name and label, in small letters.
  func names(of name: String) -> Set<String> {
    Set([name, known[name]?.label].compactMap { $0?.lowercased() })
  }

  /// The nodes that have this name, in small letters, as name or label.
  func named(_ name: String) -> Set<String> { aliases[name] ?? [] }

  /// The nodes of which it is the short name or the full one: one of the two must be the short
  /// form, since a.x is not a.y.
  func similar(to name: String) -> Set<String> {
    let short = Self.short(name)
    return short == name ? shorts[short] ?? [] : aliases[short] ?? []
  }

  private static func short(_ name: String) -> String {
    String(name.prefix { $0 != "." })
  }

  private static func remove<Key>(
    _ name: String, from index: inout [Key: Set<String>], at key: Key
  ) {
    index[key]?.remove(name)
    if index[key]?.isEmpty == true { index[key] = nil }
  }
}
