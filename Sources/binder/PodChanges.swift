import FoundationEssentials
import Kubernetes
import Messages
import Text

/// What a binder writes to pods: the bodies of its requests.
enum PodChanges {
  /// v1 Binding.
  struct Binding: Encodable, Sendable {
    var apiVersion = "v1"
    var kind = "Binding"
    var metadata: ObjectMeta
    var target: Target
    struct Target: Encodable, Sendable {
      var apiVersion = "v1"
      var kind = "Node"
      var name: String
    }

    init(_ bind: BrokerMessage.Bind) {
      var annotations = [WellKnown.jobID: bind.job, WellKnown.runCount: "\(bind.runCount)"]
      annotations[WellKnown.devices] = bind.devices
      annotations[WellKnown.execVnode] = bind.execVnode
      metadata = ObjectMeta(
        name: bind.pod.name, namespace: bind.pod.namespace, uid: bind.pod.uid,
        annotations: annotations)
      target = Target(name: bind.node)
    }
  }

  /// A condition as it should be.
  struct Condition: Sendable {
    var type: String
    var status: String
    var reason: String
    /// Escaped and cut by ``init(type:status:reason:message:)``.
    var message: String

    init(type: String, status: String, reason: String, message: String) {
      self.type = type
      self.status = status
      self.reason = reason
      self.message = PlainText.escaped(message, limit: PlainText.conditionLimit)
    }

    /// Whether the pod has it, in these words.
    func stands(on pod: Pod) -> Bool {
      let present = present(on: pod)
      return present?.status == status && present?.reason == reason && present?.message == message
    }

    fileprivate func present(on pod: Pod) -> PodCondition? {
      pod.status?.conditions?.first { $0.type == type }
    }
  }

  /// A strategic merge patch of a pod's status that sets one condition.
  struct StatusPatch: Encodable, Sendable {
    struct Metadata: Encodable, Sendable {
      var uid: String
      var resourceVersion: String?
      /// With null for one that is to go; nil to leave all as they are.
      var annotations: [String: String?]?
    }
    struct Status: Encodable, Sendable { var conditions: [Entry] }
    struct Entry: Encodable, Sendable {
      var type: String
      var status: String
      var reason: String
      var message: String
      var lastTransitionTime: String?
    }
    private var metadata: Metadata
    private var status: Status

    /// - Parameters:
    ///   - pod: as it was looked at. The patch fails when it has changed since, or when the name has
    ///     come to mean another pod.
    ///   - annotations: of the pod's that change with it, nil for one that is to go: the subresource
    ///     takes those, too.
    init(
      _ pod: Pod, _ condition: Condition, now: Date, annotations: [String: String?]? = nil
    ) {
      metadata = Metadata(
        uid: pod.metadata.uid ?? "", resourceVersion: pod.metadata.resourceVersion,
        annotations: annotations)
      // The time moves with the status only; what the patch leaves out stays as it is.
      let hasMoved = condition.present(on: pod)?.status != condition.status
      status = Status(conditions: [
        Entry(
          type: condition.type, status: condition.status, reason: condition.reason,
          message: condition.message, lastTransitionTime: hasMoved ? Timestamp.seconds(now) : nil)
      ])
    }
  }

  /// v1 DeleteOptions.
  struct DeleteOptions: Encodable, Sendable {
    struct Preconditions: Encodable, Sendable {
      var uid: String
      var resourceVersion: String?
    }
    var apiVersion = "v1"
    var kind = "DeleteOptions"
    /// Seconds; nil for the pod's own.
    var gracePeriodSeconds: Int?
    var preconditions: Preconditions

    init(_ pod: PodReference, resourceVersion: String?, grace: Int?) {
      gracePeriodSeconds = grace
      preconditions = Preconditions(uid: pod.uid, resourceVersion: resourceVersion)
    }
  }
}
