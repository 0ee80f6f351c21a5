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
  public var tolerations: [Toleration]?
  public var resourceClaims: [Named]?
  public var priorityClassName: String?
  /// The operating system that it is made for: "linux" or "windows".
  public var os: Named?
  /// The gang that it belongs to (Kubernetes 1.36 and later).
  public var schedulingGroup: SchedulingGroup?
  /// The same in Kubernetes 1.35.
  public var workloadRef: Named?
  /// Only those that need a volume claim.
  public var volumes: [Volume]?
  /// Members that were too large to be kept; "nodeAffinity" stands for that in affinity.
  public var oversized: [String]?

  /// The largest ``Weighed/weight`` of a list or map of a pod.
  static let limit = 4096
  /// The same for containers, and for init containers.
  static let containerLimit = 16384

  public init(containers: [Container]) {
    self.containers = containers
  }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    var oversized = try fields.decodeIfPresent([String].self, forKey: .oversized) ?? []
    func bounded<Value: Decodable & Weighed>(
      _ key: CodingKeys, limit: Int = PodSpec.limit
    ) throws -> Value? {
      let value = try fields.decodeIfPresent(Value.self, forKey: key)
      guard value.weight > limit else { return value }
      oversized.append(key.stringValue)
      return nil
    }

    schedulerName = try fields.decodeIfPresent(String.self, forKey: .schedulerName)
    nodeName = try fields.decodeIfPresent(String.self, forKey: .nodeName)
    guard fields.contains(.containers) else {
      throw DecodingError.keyNotFound(
        CodingKeys.containers,
        .init(codingPath: fields.codingPath, debugDescription: "no containers"))
    }
    containers = try bounded(.containers, limit: Self.containerLimit) ?? []
    initContainers = try bounded(.initContainers, limit: Self.containerLimit)
    overhead = try bounded(.overhead)
    resources = try bounded(.resources)
    activeDeadlineSeconds = try fields.decodeIfPresent(Int.self, forKey: .activeDeadlineSeconds)
    terminationGracePeriodSeconds = try fields.decodeIfPresent(
      Int.self, forKey: .terminationGracePeriodSeconds)
    schedulingGates = try bounded(.schedulingGates)
    nodeSelector = try bounded(.nodeSelector)
    affinity = try fields.decodeIfPresent(Affinity.self, forKey: .affinity)
    topologySpreadConstraints = try bounded(.topologySpreadConstraints)
    tolerations = try bounded(.tolerations)
    resourceClaims = try bounded(.resourceClaims)
    priorityClassName = try fields.decodeIfPresent(String.self, forKey: .priorityClassName)
    os = try fields.decodeIfPresent(Named.self, forKey: .os)
    schedulingGroup = try fields.decodeIfPresent(SchedulingGroup.self, forKey: .schedulingGroup)
    workloadRef = try fields.decodeIfPresent(Named.self, forKey: .workloadRef)
    let claiming = try fields.decodeIfPresent([Volume].self, forKey: .volumes)?
      .filter(\.needsClaim)
    if claiming.weight > Self.limit {
      oversized.append(CodingKeys.volumes.stringValue)
    } else {
      volumes = claiming?.isEmpty == true ? nil : claiming
    }
    if (affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution).weight
      > Self.limit
    {
      affinity?.nodeAffinity = nil
      oversized.append("nodeAffinity")
    }
    self.oversized = oversized.isEmpty ? nil : oversized
  }
}

/// One container, init container or sidecar.
public struct Container: Codable, Sendable, Equatable {
  public var name: String
  public var resources: ResourceRequirements?
  /// "Always" makes an init container a sidecar.
  public var restartPolicy: String?
  /// Only those that take a port of the host.
  public var ports: [ContainerPort]?

  public init(name: String, requests: [String: String]? = nil, limits: [String: String]? = nil) {
    self.name = name
    resources = ResourceRequirements(requests: requests, limits: limits)
  }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    name = try fields.decode(String.self, forKey: .name)
    resources = try fields.decodeIfPresent(ResourceRequirements.self, forKey: .resources)
    restartPolicy = try fields.decodeIfPresent(String.self, forKey: .restartPolicy)
    let ports = try fields.decodeIfPresent([ContainerPort].self, forKey: .ports)?
      .filter { $0.hostPort ?? 0 > 0 }
    self.ports = ports?.isEmpty == true ? nil : ports
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

/// A pod's place in a gang of scheduling.k8s.io.
public struct SchedulingGroup: Codable, Sendable, Equatable {
  public var podGroupName: String?
}

/// A volume, as far as it is about a claim.
public struct Volume: Codable, Sendable, Equatable {
  public var name: String
  public var persistentVolumeClaim: ClaimSource?
  /// A claim that is made for the pod.
  public var ephemeral: EphemeralSource?

  public struct ClaimSource: Codable, Sendable, Equatable {
    public var claimName: String
  }

  /// That there is one is all that counts.
  public struct EphemeralSource: Codable, Sendable, Equatable {}

  var needsClaim: Bool { persistentVolumeClaim != nil || ephemeral != nil }
}

public struct TopologySpreadConstraint: Codable, Sendable, Equatable {
  public var topologyKey: String
  public var whenUnsatisfiable: String
}
