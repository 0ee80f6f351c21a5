/// Rights that the API server does not give, each of which is worth one line in the log.
struct MissingRights: Sendable {
  /// One verb on one resource, as in an RBAC rule.
  struct Right: Hashable, Sendable, CustomStringConvertible {
    var verb: String
    /// "pods", or "pods/status".
    var resource: String

    /// What gives it.
    var file: String { resource == "nodes" ? "deploy/rbac-nodes.yaml" : "deploy/rbac.yaml" }

    /// The rule that gives it.
    var description: String {
      "{apiGroups: [\"\"], resources: [\(resource)], verbs: [\(verb)]}"
    }
  }

  private var missing: Set<Right> = []

  /// Whether the words of a 403 are RBAC's ("cannot VERB resource"): an admission policy, a quota
  /// or a namespace on its way out refuses one object only.
  static func isMissing(_ right: Right, words: String) -> Bool {
    words.contains("cannot \(right.verb) resource")
  }

  /// A 403 of these words has come.
  /// - Returns: true when this is new.
  mutating func refused(_ right: Right, words: String) -> Bool {
    Self.isMissing(right, words: words) && missing.insert(right).inserted
  }

  /// A request has worked.
  /// - Returns: true when the right was missing before.
  mutating func given(_ right: Right) -> Bool {
    guard !missing.isEmpty else { return false }
    return missing.remove(right) != nil
  }
}
