import Kubernetes
import Messages
import Startup
import Text

/// What Kubernetes and PBS tell each other of their machines, as configured.
struct NodeSyncSettings: Sendable, Equatable {
  /// Whether state is carried both ways.
  var isOn = false
  var limits = NodeAgreement.Limits()
  /// Seconds between looks at PBS's hosts.
  var interval = 15.0
  /// PBS's resources by the labels of nodes that show them.
  var labels: [String: String] = [:]

  /// Whether hosts of PBS get cpus and memory from their nodes.
  var setsResources = false
  /// What stands for cpu in PBS; nil: ncpus.
  var cpu: TranslationPolicy.Counterpart?

  /// Whether PBS's hosts have to be looked at.
  var isNeeded: Bool { isOn || !labels.isEmpty || setsResources }

  init() {}

  init(_ settings: Settings) throws {
    isOn = try settings.flag("sync-nodes") ?? isOn
    setsResources = try settings.flag("sync-resources") ?? setsResources
    limits.notReady = try settings.number("sync-not-ready", in: 0...86400) ?? limits.notReady
    limits.down = try settings.number("sync-down", in: 0...86400) ?? limits.down
    limits.rest = try settings.number("sync-rest", in: 0...86400) ?? limits.rest
    interval = try settings.number("sync-interval", in: 0.05...3600) ?? interval
    limits.taints = Set(try settings.texts("sync-taints") ?? [])
    for key in limits.taints.sorted() {
      guard KubernetesName.isQualifiedName(key), key != WellKnown.offlineTaint else {
        throw settings.problem("sync-taints", "\(PlainText.quoted(key)) is no taint that counts")
      }
    }
    labels = try settings.table("labels-from-pbs") ?? [:]
    for (label, resource) in labels {
      let key = "labels-from-pbs.\(label)"
      guard MarkNode.mayLabel(label) else {
        throw settings.problem(key, "a label needs a prefix, and one that is not Kubernetes' own")
      }
      guard OptionValue.isResource(resource[...]) else {
        throw settings.problem(key, "\(PlainText.quoted(resource)) is no resource of PBS")
      }
    }
  }
}
