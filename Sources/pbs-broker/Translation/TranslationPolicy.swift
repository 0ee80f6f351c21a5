import Shared

/// The site's choices in turning pods into jobs.
struct TranslationPolicy: Sendable {
  /// For containers without request and limit.
  var defaults: [String: Quantity] = [:]
  /// PBS resource names by Kubernetes resource names, for all but cpu and memory.
  var resources: [String: String] = [:]
  /// Where jobs go; nil for PBS's default queue.
  var queue: String?
}
