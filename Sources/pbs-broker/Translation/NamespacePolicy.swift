import Kubernetes
import Text

/// What the site gives to the pods of a namespace, and what it lets them ask for.
struct NamespacePolicy: Sendable, Equatable {
  /// Where it stands in the configuration: "pbs-broker.namespaces.team-*".
  var key = "pbs-broker"
  /// The PBS user whose the jobs are; nil for pbs-broker's own.
  var user: Sourced<String>?
  /// For jobs whose pods say nothing else.
  var options = JobOptions()
  /// Seconds.
  var defaultWalltime: Sourced<Int>?
  var longestWalltime: Sourced<Int>?
  /// For containers without request and limit.
  var defaults: [String: Quantity] = [:]
  /// Where these stand in the configuration.
  var defaultKeys = ["cpu": "pbs-broker.default-cpu", "memory": "pbs-broker.default-memory"]
  /// The most that a pod may ask for, by Kubernetes' resource, or by PBS's in select and resources.
  var limits: [String: Limit] = [:]
  /// The annotations that pods may have, each with the values it may have; nil for any value.
  var annotations: Sourced<[OptionKey: [String]?]> = Sourced(
    value: Dictionary(uniqueKeysWithValues: OptionKey.allowedByDefault.map { ($0, nil) }),
    source: "pbs-broker.annotations")
  /// What PBS cannot honour, and kubelet does not ask for, is a warning and no refusal; where that
  /// stands. nil: it is refused.
  var ignoresUnsupported: String?
  /// By name.
  var flavours: [String: JobOptions] = [:]

  struct Limit: Sendable, Equatable {
    var quantity: Quantity
    /// As it stands in the configuration: "pbs-broker.limits.memory is 8Gi".
    var words: String
  }

  /// Why a pod may not have this annotation; nil when it may.
  func refusal(of key: OptionKey, _ value: String) -> String? {
    guard let values = annotations.value[key] else {
      return "annotation \(key.annotation) is not allowed here (\(annotations.source))"
    }
    guard let values, !values.contains(where: { Wildcard.matches($0, value) }) else { return nil }
    return "annotation \(key.annotation) may not be \(PlainText.quoted(value)) here"
      + " (\(annotations.source))"
  }
}

/// The namespaces that have a job at all, with what holds for each.
struct NamespacePolicies: Sendable, Equatable {
  /// By name or pattern; nil for those that are left out.
  var entries: [String: NamespacePolicy?]

  /// The entry of no namespace in particular.
  static let other = "default"

  /// What holds for a namespace: the entry of its name, else of the longest pattern that it
  /// matches, else "default"; nil when it is left out.
  func policy(for namespace: String) -> NamespacePolicy? {
    if let exact = entries[namespace] { return exact }
    let patterns = entries.keys.filter { $0.contains("*") && Wildcard.matches($0, namespace) }
    // Of equally long ones the first of the alphabet.
    if let best = patterns.min(by: { ($1.count, $0) < ($0.count, $1) }) {
      return entries[best] ?? nil
    }
    return entries[Self.other] ?? nil
  }
}

/// Patterns in which "*" stands for any text.
enum Wildcard {
  static func matches(_ pattern: String, _ text: String) -> Bool {
    let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
    guard let first = parts.first, let last = parts.last, parts.count > 1 else {
      return pattern == text
    }
    guard text.hasPrefix(first), text.hasSuffix(last),
      text.utf8.count >= first.utf8.count + last.utf8.count
    else { return false }
    var rest = text.dropFirst(first.count).dropLast(last.count)
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard let found = rest.firstRange(of: part) else { return false }
      rest = rest[found.upperBound...]
    }
    return true
  }
}
