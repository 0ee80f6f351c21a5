import Kubernetes

/// The host that a pod insists on, by its nodeSelector, its required node affinity and its volume
/// claims; and what PBS cannot honour of these.
///
/// A select can ask for one host, or for one value of a resource, and knows no labels. So a
/// constraint is honoured that names one node, that asks for one value of a label which the site
/// has given to PBS as a resource, or that all nodes which are hosts of PBS fulfil anyway.
struct Placement {
  /// For `select=host=`.
  private(set) var host: String?
  /// Further resources of the select, by name, that stand for labels.
  private(set) var resources: [String: String] = [:]
  private(set) var causes: [String] = []
  private(set) var waits: [String] = []
  /// Whether another word of PBS on its hosts may change the result.
  private(set) var dependsOnHosts = false

  private let hostMap: HostMap
  private let labels: [String: String]
  /// Nodes asked for, with the words for who asks.
  private var pins: [(node: String, source: String)] = []
  /// On the labels of ``NodeNames/platformLabels``.
  private var requirements: [(requirement: NodeSelectorRequirement, source: String)] = []

  /// - Parameters:
  ///   - volumes: its volumes that cannot be reached from all nodes.
  ///   - labels: PBS's resources by labels of nodes.
  init(
    _ pod: Pod, selectedNodes: [(claim: String, node: String)], volumes: [VolumeReach] = [],
    hostMap: HostMap, labels: [String: String] = [:]
  ) {
    self.hostMap = hostMap
    self.labels = labels
    for (key, value) in pod.spec.nodeSelector ?? [:] {
      let requirement = NodeSelectorRequirement(key: key, operator: "In", values: [value])
      take(requirement, "nodeSelector \(key)")
    }
    if let required = pod.spec.affinity?.nodeAffinity?
      .requiredDuringSchedulingIgnoredDuringExecution
    {
      take(required)
    }
    for (claim, node) in selectedNodes { pin(node, claim) }
    guard !pins.isEmpty || !requirements.isEmpty || !volumes.isEmpty else { return }
    guard hostMap.knowsHosts else {
      waits.append("waits for PBS to name its hosts")
      dependsOnHosts = true
      return
    }
    take(volumes)
    choose()
  }

  // MARK: What the pod asks for

  /// Of several terms one has to hold, which a select cannot say; one term it can.
  private mutating func take(_ selector: NodeSelector) {
    // An empty term matches no node, so beside others it says nothing. (core/v1, NodeSelectorTerm.)
    let terms = selector.nodeSelectorTerms.filter { !$0.isEmpty }
    guard let term = terms.first, terms.dropFirst().allSatisfy({ $0 == term }) else {
      let isEmpty = terms.isEmpty && !selector.nodeSelectorTerms.isEmpty
      causes.append(
        "required nodeAffinity with \(isEmpty ? "an empty term" : "\(terms.count) terms") cannot be honoured by PBS"
      )
      return
    }
    let expressions = term.matchExpressions ?? []
    let fields = term.matchFields ?? []
    for expression in expressions {
      take(expression, "required nodeAffinity \(Self.words(expression))")
    }
    for field in fields {
      let source = "required nodeAffinity \(Self.words(field))"
      if field.key == "metadata.name", let node = field.onlyValue {
        pin(node, source)
      } else {
        causes.append("\(source) cannot be honoured by PBS")
      }
    }
  }

  private mutating func take(_ requirement: NodeSelectorRequirement, _ source: String) {
    if requirement.key == WellKnown.hostnameLabel, let value = requirement.onlyValue {
      let nodes = HostMap.Match(hostMap.nodes.labelled(value))
      switch nodes {
      case .none: isNowhere(value, source)
      case .one(let node): pin(node, source)
      case .several(let names):
        causes.append("\(source): \(value) could be \(names.joined(separator: ", "))")
      }
    } else if let resource = labels[requirement.key] {
      take(requirement, source, resource)
    } else if NodeNames.platformLabels.contains(requirement.key) {
      requirements.append((requirement, source))
    } else {
      causes.append("\(source) cannot be honoured by PBS")
    }
  }

  private mutating func take(
    _ requirement: NodeSelectorRequirement, _ source: String, _ resource: String
  ) {
    guard let value = requirement.onlyValue, OptionValue.isResourceValue(value) else {
      causes.append(
        "\(source) cannot be honoured by PBS: only one value of a label, and not an empty one, can")
      return
    }
    let before = resources.updateValue(value, forKey: resource)
    if let before, before != value {
      causes.append("\(source): PBS cannot give \(resource) both as \(before) and as \(value)")
    }
  }

  private mutating func pin(_ node: String, _ source: String) {
    if hostMap.nodes.contains(node) {
      pins.append((node, source))
    } else {
      isNowhere(node, source)
    }
  }

  private mutating func isNowhere(_ node: String, _ source: String) {
    dependsOnHosts = true
    causes.append("\(source): no node \(node) that is a host of PBS")
  }

  private static func words(_ requirement: NodeSelectorRequirement) -> String {
    requirement.operator == "In" ? requirement.key : "\(requirement.key) \(requirement.operator)"
  }

  /// Of labels that the site has given to PBS, PBS chooses among the hosts.
  private mutating func take(_ volumes: [VolumeReach]) {
    var others: [VolumeReach] = []
    for volume in volumes {
      if let values = volume.values, values.allSatisfy({ labels[$0.key] != nil }) {
        for value in values { take(value, volume.claim) }
      } else {
        others.append(volume)
      }
    }
    let found = Self.nodes(reaching: others, pinned: Set(pins.map(\.node)), in: hostMap)
    if let only = found.only { pins.append(only) }
    guard !found.causes.isEmpty else { return }
    causes += found.causes
    dependsOnHosts = true
  }

  // MARK: What PBS can give

  private mutating func choose() {
    let nodes = Set(pins.map(\.node))
    if nodes.count > 1 {
      let words = pins.map { "\($0.source): \($0.node)" }.sorted().joined(separator: ", ")
      causes.append("no node is all of what is required (\(words))")
    }
    for node in nodes {
      let source = pins.filter { $0.node == node }.map(\.source).min() ?? ""
      switch hostMap.match(node: node) {
      case .none: isNowhere(node, source)
      case .one(let host): self.host = host
      case .several(let hosts):
        dependsOnHosts = true
        causes.append(
          "\(source): node \(node) could be the hosts \(hosts.joined(separator: ", ")) of PBS")
      }
    }
    for (requirement, source) in requirements {
      let isFulfilled =
        nodes.isEmpty
        ? hostMap.everyHost { requirement.isFulfilled(by: $0) }
        : nodes.allSatisfy { requirement.isFulfilled(by: hostMap.nodes.platform(of: $0)) }
      switch isFulfilled {
      case true: break
      case false:
        dependsOnHosts = true
        causes.append("\(source) cannot be honoured by PBS: not all of its hosts are like that")
      case nil:
        dependsOnHosts = true
        waits.append("\(source): waits for a node that is a host of PBS")
      }
    }
  }
}

extension NodeSelectorTerm {
  fileprivate var isEmpty: Bool {
    matchExpressions?.isEmpty != false && matchFields?.isEmpty != false
  }
}

extension NodeSelectorRequirement {
  /// The value of a requirement that allows one value alone, however often it is named.
  fileprivate var onlyValue: String? {
    let values = Set(values ?? [])
    return self.operator == "In" && values.count == 1 ? values.first : nil
  }

  /// Whether labels fulfil it; one with an unknown operator is not fulfilled.
  /// (Kubernetes: "Labels and Selectors", set-based requirement; a label that is not there
  /// fulfils NotIn.)
  fileprivate func isFulfilled(by labels: [String: String]) -> Bool {
    let value = labels[key]
    let isIn = value.map { (values ?? []).contains($0) } ?? false
    return switch self.operator {
    case "In": isIn
    case "NotIn": !isIn
    case "Exists": value != nil
    case "DoesNotExist": value == nil
    default: false
    }
  }
}
