/// A pod as the connector needs it: a part of the Kubernetes Pod object, with its field
/// names. It is decoded from the API and travels like this in the `pod` message.
/// (Kubernetes API reference, core/v1 Pod.)
public struct Pod: Codable, Sendable, Equatable {
  public var metadata: ObjectMeta
  public var spec: PodSpec
  public var status: PodStatus?

  public init(metadata: ObjectMeta, spec: PodSpec, status: PodStatus? = nil) {
    self.metadata = metadata
    self.spec = spec
    self.status = status
  }

  /// "namespace/name", as kubectl and the logs show it.
  public var fullName: String { "\(metadata.namespace ?? "default")/\(metadata.name)" }

  /// Succeeded or Failed: its containers have ended for good.
  public var isFinished: Bool { status?.phase == "Succeeded" || status?.phase == "Failed" }

  /// Deleted, but perhaps still using its node.
  public var isTerminating: Bool { metadata.deletionTimestamp != nil }

  /// The UID of the controller that makes another pod in its place, if there is one.
  public var controllerUID: String? {
    metadata.ownerReferences?.first { $0.controller == true }?.uid
  }

  /// Why its kubelet has rejected it; nil when it has not. A rejected pod has never run.
  /// (Kubernetes: pkg/kubelet, admission; lifecycle.AdmissionFailure reasons.)
  public var rejection: String? {
    guard status?.phase == "Failed", let reason = status?.reason else { return nil }
    let others = [
      "NodeAffinity", "NodePorts", "UnexpectedAdmissionError", "TopologyAffinityError",
      "PodOSNotSupported", "PodOSSelectorNodeLabelDoesNotMatch", "PodFeatureUnsupported",
      "AppArmor", "SysctlForbidden", "InvalidNodeInfo", "NodeShutdown", "Preempting",
      "UnknownReason", "PodLevelResourcesNotAdmittedReason",
    ]
    return reason.hasPrefix("OutOf") || others.contains(reason) ? reason : nil
  }

  /// The node that the pod is bound to, if it is.
  public var nodeName: String? { spec.nodeName.flatMap { $0.isEmpty ? nil : $0 } }

  /// Waits for its scheduling gates to be removed.
  public var isGated: Bool { !(spec.schedulingGates ?? []).isEmpty }
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
  public var labels: [String: String]?
  public var annotations: [String: String]?
  public var ownerReferences: [OwnerReference]?

  public init(
    name: String, namespace: String? = nil, uid: String? = nil, annotations: [String: String]? = nil
  ) {
    self.name = name
    self.namespace = namespace
    self.uid = uid
    self.annotations = annotations
  }
}

/// Who made an object, and makes another in its place (meta/v1 OwnerReference).
public struct OwnerReference: Codable, Sendable, Equatable {
  public var uid: String
  public var controller: Bool?
}

/// The part of a pod's spec that says what it needs, and where it is.
public struct PodSpec: Codable, Sendable, Equatable {
  public var schedulerName: String?
  public var nodeName: String?
  public var containers: [Container]
  public var initContainers: [Container]?
  /// Quantities by resource name, added to the containers' by the pod's runtime class.
  public var overhead: [String: String]?
  /// Requests for the pod as a whole (Kubernetes 1.32 and later).
  public var resources: ResourceRequirements?
  /// Seconds.
  public var activeDeadlineSeconds: Int?
  /// Seconds.
  public var terminationGracePeriodSeconds: Int?
  public var schedulingGates: [SchedulingGate]?
  public var nodeSelector: [String: String]?
  public var affinity: Affinity?
  public var topologySpreadConstraints: [TopologySpreadConstraint]?
  public var resourceClaims: [Named]?
  public var priorityClassName: String?

  public init(containers: [Container]) {
    self.containers = containers
  }
}

/// One container, init container or sidecar.
public struct Container: Codable, Sendable, Equatable {
  public var name: String
  public var resources: ResourceRequirements?
  /// "Always" makes an init container a sidecar.
  public var restartPolicy: String?
  public var ports: [ContainerPort]?

  public init(name: String, requests: [String: String]? = nil, limits: [String: String]? = nil) {
    self.name = name
    resources = ResourceRequirements(requests: requests, limits: limits)
  }
}

/// Quantities by resource name.
public struct ResourceRequirements: Codable, Sendable, Equatable {
  public var requests: [String: String]?
  public var limits: [String: String]?

  public init(requests: [String: String]? = nil, limits: [String: String]? = nil) {
    self.requests = requests
    self.limits = limits
  }
}

/// A port; only one of the host binds a pod to hosts where it is free.
public struct ContainerPort: Codable, Sendable, Equatable {
  public var hostPort: Int?
}

public struct SchedulingGate: Codable, Sendable, Equatable {
  public var name: String
}

/// Any object of which only the name counts here.
public struct Named: Codable, Sendable, Equatable {
  public var name: String
}

/// Which kinds of affinity a pod requires or prefers. The terms themselves are not
/// translated; that there are some is enough to refuse the pod.
public struct Affinity: Codable, Sendable, Equatable {
  public var nodeAffinity: NodeAffinity?
  public var podAffinity: PodAffinity?
  public var podAntiAffinity: PodAffinity?
}

public struct NodeAffinity: Codable, Sendable, Equatable {
  public var requiredDuringSchedulingIgnoredDuringExecution: NodeSelector?
}

public struct NodeSelector: Codable, Sendable, Equatable {
  public var nodeSelectorTerms: [NodeSelectorTerm]
}

public struct NodeSelectorTerm: Codable, Sendable, Equatable {
  public var matchExpressions: [NodeSelectorRequirement]?
  public var matchFields: [NodeSelectorRequirement]?
}

public struct NodeSelectorRequirement: Codable, Sendable, Equatable {
  public var key: String
  public var `operator`: String
  public var values: [String]?
}

public struct PodAffinity: Codable, Sendable, Equatable {
  public var requiredDuringSchedulingIgnoredDuringExecution: [PodAffinityTerm]?
}

public struct PodAffinityTerm: Codable, Sendable, Equatable {
  public var topologyKey: String
}

public struct TopologySpreadConstraint: Codable, Sendable, Equatable {
  public var topologyKey: String
  public var whenUnsatisfiable: String
}

/// How far a pod has come.
public struct PodStatus: Codable, Sendable, Equatable {
  public var phase: String?
  /// Why the pod is in this phase, in one word: "OutOfcpu", "DeadlineExceeded".
  public var reason: String?
  public var conditions: [PodCondition]?

  public init(phase: String? = nil) {
    self.phase = phase
  }
}

public struct PodCondition: Codable, Sendable, Equatable {
  public var type: String
  public var status: String
  public var reason: String?
  public var message: String?

  public init(type: String, status: String, reason: String? = nil, message: String? = nil) {
    self.type = type
    self.status = status
    self.reason = reason
    self.message = message
  }
}
