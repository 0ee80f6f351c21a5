/// Who made an object, and makes another in its place (meta/v1 OwnerReference).
public struct OwnerReference: Codable, Sendable, Equatable {
  public var uid: String
  public var controller: Bool?
}

/// Metadata of any Kubernetes object, as far as the connector needs it.
public struct ObjectMeta: Codable, Sendable, Equatable {
  public var name: String
  public var namespace: String?
  public var uid: String?
  public var resourceVersion: String?
  public var creationTimestamp: String?
  /// RFC 3339; set when the object has been deleted and is on its way out.
  public var deletionTimestamp: String?
  /// Seconds.
  public var deletionGracePeriodSeconds: Int?
  /// Of a pod: none.
  public var labels: [String: String]?
  /// Of a pod: only those of the connector.
  public var annotations: [String: String]?
  /// Of a pod: its controller only.
  public var ownerReferences: [OwnerReference]?
  /// Of a pod: whoever created it gave it a nodeName, so that no Binding put it on its node. nil
  /// where the API server keeps no managedFields. Whoever may update the pod can clear them.
  public var createdBound: Bool?
  /// Of a pod: a request other than a Binding has set the annotation with the job's id, now or
  /// before the binding. nil as above.
  public var jobIDWrittenByUser: Bool?
  /// Of a pod: somebody has changed its requests in place, by the subresource resize; nil when
  /// nobody has.
  public var resized: Bool?
  /// Of a pod: members that were too large to be kept.
  public var oversized: [String]?

  /// How all annotations of the connector begin (WellKnown.swift has them).
  private static let ownPrefix = "pbs-connector/"

  public init(
    name: String, namespace: String? = nil, uid: String? = nil, annotations: [String: String]? = nil
  ) {
    self.name = name
    self.namespace = namespace
    self.uid = uid
    self.annotations = annotations
  }

  /// Drops all owners but the controller. A UID that is longer than any is none.
  mutating func keepController() {
    let controller = ownerReferences?.first { $0.controller == true && $0.uid.utf8.count <= 64 }
    ownerReferences = controller.map { [$0] }
  }

  /// Drops all annotations but the connector's, and all of them when those are too large.
  mutating func keepOwnAnnotations() {
    guard let all = annotations else { return }
    let own = all.filter { $0.key.hasPrefix(Self.ownPrefix) }
    annotations = own.isEmpty ? nil : own
    if own.weight > PodSpec.limit {
      annotations = nil
      oversized = (oversized ?? []) + ["annotations"]
    }
  }
}
