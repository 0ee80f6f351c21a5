@testable import Kubernetes
@testable import Startup
@testable import pbs_broker

/// What a table says of a pod: exactly one of the three.
struct ExpectedTranslation: Sendable, Equatable {
  var select: String?
  /// Seconds.
  var walltime: Int?
  var refused: String?
  var waits: String?

  init(_ row: YAMLValue) {
    select = row["select"]?.text
    walltime = row["walltime"]?.text.flatMap { Int($0) }
    refused = row["refused"]?.text
    waits = row["waits"]?.text
  }

  /// What really becomes of it.
  init(_ pod: Pod, in context: TranslationContext) {
    do throws(Refusal) {
      let job = try PodTranslation.job(for: pod, in: context)
      select = job.select
      walltime = job.walltime
    } catch {
      switch error.kind {
      case .cannot: refused = error.description
      case .waits: waits = error.description
      }
    }
  }
}

extension TranslationPolicy {
  /// The default settings.
  static func usual(resources: [String: String] = [:]) throws -> TranslationPolicy {
    var policy = TranslationPolicy()
    policy.base.defaults = ["cpu": try Quantity("1"), "memory": try Quantity("256Mi")]
    policy.resources = resources.mapValues { .resource($0) }
    return policy
  }
}

extension Node {
  /// A node with its label kubernetes.io/hostname, if any, and others.
  init(_ name: String, hostname: String? = nil, labels: [String: String] = [:]) {
    self.init(metadata: ObjectMeta(name: name), ready: true)
    var labels = labels
    if let hostname { labels["kubernetes.io/hostname"] = hostname }
    metadata.labels = labels
  }
}
