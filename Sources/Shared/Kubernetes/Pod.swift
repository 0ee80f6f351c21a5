/// A pod as the connector needs it: a part of the Kubernetes Pod object, with its field
/// names. It is decoded from the API and travels like this in the `pod` message.
/// (Kubernetes API reference, core/v1 Pod.)
///
/// Decoding keeps what translation and reconciliation read and nothing else, and bounds what
/// remains: whatever a user may put into a pod, its message stays far below a frame's limit. A
/// list or map that is too large is left out and named in ``oversized``.
public struct Pod: Codable, Sendable, Equatable {
  public var metadata: ObjectMeta
  public var spec: PodSpec
  public var status: PodStatus?

  public init(metadata: ObjectMeta, spec: PodSpec, status: PodStatus? = nil) {
    self.metadata = metadata
    self.spec = spec
    self.status = status
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    metadata = try container.decode(ObjectMeta.self, forKey: .metadata)
    spec = try container.decode(PodSpec.self, forKey: .spec)
    status = try container.decodeIfPresent(PodStatus.self, forKey: .status)
    metadata.labels = nil
    metadata.keepOwnAnnotations()
    metadata.keepController()
    // Its users write them, too: what cannot be read says nothing.
    if let managers = try? FieldManagers(of: container.superDecoder(forKey: .metadata)) {
      metadata.createdBound = managers.ownNodeName
      metadata.jobIDWrittenByUser = managers.ownJobID
      metadata.resized = managers.isResized ? true : nil
    }
  }

  /// "namespace/name", as kubectl and the logs show it.
  public var fullName: String { "\(metadata.namespace ?? "default")/\(metadata.name)" }

  /// Succeeded or Failed: its containers have ended for good.
  public var isFinished: Bool { status?.phase == "Succeeded" || status?.phase == "Failed" }

  /// Deleted, but perhaps still using its node.
  public var isTerminating: Bool { metadata.deletionTimestamp != nil }

  /// Deleted to the end, and still there: its kubelet has said that its containers have ended, or
  /// somebody has deleted it by force, and only finalizers keep the object.
  /// (Kubernetes: "Finalizers"; pkg/registry/core/pod, CheckGracefulDelete.)
  public var isKeptByFinalizers: Bool {
    isTerminating && metadata.deletionGracePeriodSeconds == 0
  }

  /// The node that the pod is bound to, if it is.
  public var nodeName: String? { spec.nodeName.flatMap { $0.isEmpty ? nil : $0 } }

  /// Waits for its scheduling gates to be removed.
  public var isGated: Bool { spec.schedulingGates?.isEmpty == false }

  /// The members that were too large to be kept ("spec.containers"): such a pod is refused.
  public var oversized: [String] {
    (metadata.oversized ?? []).map { "metadata.\($0)" }
      + (spec.oversized ?? []).map { "spec.\($0)" }
  }

  /// Those of ``claimNames`` that are made for the pod itself.
  public var ephemeralClaimNames: [String] {
    (spec.volumes ?? []).filter { $0.persistentVolumeClaim == nil && $0.ephemeral != nil }
      .map { "\(metadata.name)-\($0.name)" }
  }

  /// The volume claims that it uses, in the order of its volumes. A generic ephemeral volume's
  /// claim is named after pod and volume. (Kubernetes: "Generic Ephemeral Volumes".)
  public var claimNames: [String] {
    (spec.volumes ?? []).compactMap { volume in
      if let claim = volume.persistentVolumeClaim { return claim.claimName }
      return volume.ephemeral == nil ? nil : "\(metadata.name)-\(volume.name)"
    }
  }
}

/// How far a pod has come.
public struct PodStatus: Codable, Sendable, Equatable {
  public var phase: String?
  /// Why the pod is in this phase, in one word: "OutOfcpu", "DeadlineExceeded".
  public var reason: String?
  public var conditions: [PodCondition]?

  /// The types of the conditions that are kept.
  private static let types: Set<String> = ["PodScheduled", "DisruptionTarget", "Ready"]

  public init(phase: String? = nil) {
    self.phase = phase
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    phase = try container.decodeIfPresent(String.self, forKey: .phase)
    reason = try container.decodeIfPresent(String.self, forKey: .reason).map(PodCondition.cut)
    conditions = try container.decodeIfPresent([PodCondition].self, forKey: .conditions)?
      .filter { Self.types.contains($0.type) }
  }
}

/// A condition of a pod or a node.
public struct PodCondition: Codable, Sendable, Equatable {
  public var type: String
  public var status: String
  public var reason: String?
  public var message: String?

  /// The most Unicode scalars of a reason or a message that are kept.
  static let longest = 1024

  public init(type: String, status: String, reason: String? = nil, message: String? = nil) {
    self.type = type
    self.status = status
    self.reason = reason
    self.message = message
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    type = try container.decode(String.self, forKey: .type)
    status = try container.decode(String.self, forKey: .status)
    reason = try container.decodeIfPresent(String.self, forKey: .reason).map(Self.cut)
    message = try container.decodeIfPresent(String.self, forKey: .message).map(Self.cut)
  }

  static func cut(_ text: String) -> String {
    text.utf8.count <= longest ? text : String(text.unicodeScalars.prefix(longest))
  }
}
