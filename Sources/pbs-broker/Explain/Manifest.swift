import FoundationEssentials
import Kubernetes
import Startup

/// A pod of a manifest, as the API server and its controllers would make it.
struct ManifestPod {
  /// What makes it, "Deployment web"; nil for a pod by itself.
  var owner: String?
  /// How many of it; nil where that is not in the manifest.
  var count: Int?
  var pod: Pod
}

/// A manifest that no API server would take, in words.
struct ManifestError: Error, CustomStringConvertible {
  let description: String
}

/// The pods of a manifest.
struct Manifest {
  private(set) var pods: [ManifestPod] = []
  /// What else is in it: "Service web".
  private(set) var others: [String] = []
  private(set) var claims = ManifestClaims()
  private let namespace: String

  /// - Parameters:
  ///   - documents: objects, or lists of them.
  ///   - namespace: of objects that name none.
  init(_ documents: [YAMLValue], namespace: String) throws(ManifestError) {
    self.namespace = namespace
    for document in documents { try take(document) }
  }

  private mutating func take(_ object: YAMLValue) throws(ManifestError) {
    guard let kind = object["kind"]?.text else {
      throw ManifestError(description: "an object has no kind")
    }
    if kind.hasSuffix("List"), let items = object["items"]?.items {
      for item in items { try take(item) }
      return
    }
    let metadata = object["metadata"]
    let name = metadata?["name"]?.text ?? "\(metadata?["generateName"]?.text ?? "")xxxxx"
    let spec = object["spec"]
    let replicas = spec?["replicas"]?.text.flatMap { Int($0) } ?? 1
    switch kind {
    case "StorageClass":
      try claims.take(class: object)
      others.append("\(kind) \(name)")
    case "PersistentVolumeClaim":
      claims.take(claim: "\(metadata?["namespace"]?.text ?? namespace)/\(name)", spec: spec)
      others.append("\(kind) \(name)")
    case "Pod": try add(object, "\(kind) \(name)", name, metadata, owner: nil, count: 1)
    case "Deployment":
      try add(template: spec, kind, name, "\(name)-xxxxxxxxxx-xxxxx", metadata, replicas)
    case "ReplicaSet", "ReplicationController":
      try add(template: spec, kind, name, "\(name)-xxxxx", metadata, replicas)
    case "StatefulSet":
      let first = spec?["ordinals"]?["start"]?.text ?? "0"
      try add(template: spec, kind, name, "\(name)-\(first)", metadata, replicas)
    case "DaemonSet":
      try add(
        template: spec, kind, name, "\(name)-xxxxx", metadata, nil, node: "node-of-this-pod")
    case "Job": try add(job: object["spec"], kind, name, name, metadata, replicas: 1)
    case "CronJob":
      let job = spec?["jobTemplate"]?["spec"]
      try add(job: job, kind, name, "\(name)-xxxxxxxx", metadata, replicas: 1)
    case "JobSet":
      for part in spec?["replicatedJobs"]?.items ?? [] {
        let full = "\(name)-\(part["name"]?.text ?? "")-0"
        let replicas = part["replicas"]?.text.flatMap { Int($0) } ?? 1
        try add(
          job: part["template"]?["spec"], kind, name, "\(full)-0", metadata, replicas: replicas)
      }
    default: others.append("\(kind) \(name)")
    }
  }

  private mutating func add(
    job: YAMLValue?, _ kind: String, _ name: String, _ podName: String, _ metadata: YAMLValue?,
    replicas: Int
  ) throws(ManifestError) {
    func number(_ key: String) -> Int? { job?[key]?.text.flatMap { Int($0) } }
    // Not more at once than are to complete, and none of one that is suspended. (batch/v1, JobSpec.)
    let atOnce = min(number("parallelism") ?? 1, number("completions") ?? .max)
    let parallelism = job?["suspend"]?.text == "true" ? 0 : atOnce
    let (count, overflow) = replicas.multipliedReportingOverflow(by: parallelism)
    try add(
      template: job, kind, name, "\(podName)-xxxxx", metadata, overflow ? nil : count)
  }

  /// - Parameter node: the node that each pod asks for.
  private mutating func add(
    template spec: YAMLValue?, _ kind: String, _ name: String, _ podName: String,
    _ metadata: YAMLValue?, _ count: Int?, node: String? = nil
  ) throws(ManifestError) {
    let templates = spec?["volumeClaimTemplates"]?.items ?? []
    let claims = templates.compactMap { $0["metadata"]?["name"]?.text }
    for claim in templates {
      let name = "\(claim["metadata"]?["name"]?.text ?? "")-\(podName)"
      self.claims.take(
        claim: "\(metadata?["namespace"]?.text ?? namespace)/\(name)", spec: claim["spec"])
    }
    let owner = "\(kind) \(name)"
    guard let template = spec?["template"] else {
      throw ManifestError(description: "\(owner) has no template of a pod")
    }
    // A template's pods are in the namespace of what makes them.
    var inner = template["metadata"] ?? .mapping([])
    if let namespace = metadata?["namespace"] { inner = inner.with("namespace", namespace) }
    try add(
      template, owner, podName, inner, owner: owner, count: count, node: node, claims: claims)
  }

  private mutating func add(
    _ object: YAMLValue, _ what: String, _ name: String, _ metadata: YAMLValue?, owner: String?,
    count: Int?, node: String? = nil, claims: [String] = []
  ) throws(ManifestError) {
    if let problem = Self.problem(ofAnnotations: metadata?["annotations"]) {
      throw ManifestError(description: "\(what): \(problem)")
    }
    var metadata = (metadata ?? .mapping([])).with("name", .scalar(name))
    if metadata["namespace"] == nil { metadata = metadata.with("namespace", .scalar(namespace)) }
    metadata = metadata.with("uid", .scalar("uid-of-this-pod")).with("managedFields", nil)
    var spec = Self.defaulted(object["spec"] ?? .mapping([]))
    if let node { spec = Self.pinned(spec, to: node) }
    spec = Self.claiming(spec, claims, of: name)
    for volume in spec["volumes"]?.items ?? [] {
      guard let template = volume["ephemeral"]?["volumeClaimTemplate"] else { continue }
      let claim = "\(name)-\(volume["name"]?.text ?? "")"
      self.claims.take(
        claim: "\(metadata["namespace"]?.text ?? namespace)/\(claim)", spec: template["spec"])
    }
    let text = "{\"metadata\": \(metadata.apiJSON()), \"spec\": \(spec.apiJSON())}"
    do {
      let pod = try JSONDecoder().decode(Pod.self, from: Data(text.utf8))
      pods.append(ManifestPod(owner: owner, count: count, pod: pod))
    } catch DecodingError.keyNotFound(let key, let context) {
      throw ManifestError(description: "\(what): \(Self.path(context)) has no \(key.stringValue)")
    } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
      DecodingError.dataCorrupted(let context)
    {
      let words = context.debugDescription
      throw ManifestError(description: "\(what): \(Self.path(context)) cannot be read: \(words)")
    } catch {
      throw ManifestError(description: "\(what) cannot be read: \(error)")
    }
  }

  /// "spec.containers[0]".
  private static func path(_ context: DecodingError.Context) -> String {
    let path = context.codingPath.reduce("") { path, key in
      path + (key.intValue.map { "[\($0)]" } ?? (path.isEmpty ? "" : ".") + key.stringValue)
    }
    return path.isEmpty ? "it" : path
  }

  /// An API server takes texts only.
  private static func problem(ofAnnotations annotations: YAMLValue?) -> String? {
    guard case .mapping(let pairs) = annotations else { return nil }
    for (key, value) in pairs {
      guard case .scalar(let text, let isPlain) = value else {
        return "annotation \(key) is no text"
      }
      let words = ["true", "false", "yes", "no", "on", "off"]
      if isPlain, Double(text) != nil || words.contains(text.lowercased()) {
        return "annotation \(key) is no text: write it in quotes (\"\(text)\")"
      }
    }
    return nil
  }

  /// The API server gives ports in the host's network the host's port.
  private static func defaulted(_ spec: YAMLValue) -> YAMLValue {
    guard spec["hostNetwork"]?.text == "true" else { return spec }
    var spec = spec
    for key in ["containers", "initContainers"] {
      guard let containers = spec[key]?.items else { continue }
      let items = containers.map { container in
        guard let ports = container["ports"]?.items else { return container }
        let own = ports.map {
          $0["hostPort"] == nil ? $0.with("hostPort", $0["containerPort"]) : $0
        }
        return container.with("ports", .sequence(own))
      }
      spec = spec.with(key, .sequence(items))
    }
    return spec
  }

  /// As the StatefulSet controller does it: a volume of a template's name uses the claim that is made
  /// of it for the pod.
  private static func claiming(
    _ spec: YAMLValue, _ claims: [String], of pod: String
  ) -> YAMLValue {
    guard !claims.isEmpty else { return spec }
    let others = (spec["volumes"]?.items ?? []).filter {
      !claims.contains($0["name"]?.text ?? "")
    }
    let own = claims.map { claim in
      YAMLValue.mapping([
        ("name", .scalar(claim)),
        (
          "persistentVolumeClaim",
          .mapping([("claimName", .scalar("\(claim)-\(pod)"))])
        ),
      ])
    }
    return spec.with("volumes", .sequence(others + own))
  }

  /// As the DaemonSet controller does it, in place of a required node affinity.
  private static func pinned(_ spec: YAMLValue, to node: String) -> YAMLValue {
    let field = YAMLValue.mapping([
      ("key", .scalar("metadata.name")), ("operator", .scalar("In")),
      ("values", .sequence([.scalar(node)])),
    ])
    let selector = YAMLValue.mapping([
      ("nodeSelectorTerms", .sequence([.mapping([("matchFields", .sequence([field]))])]))
    ])
    let required = "requiredDuringSchedulingIgnoredDuringExecution"
    let affinity = spec["affinity"] ?? .mapping([])
    return spec.with("affinity", affinity.with("nodeAffinity", .mapping([(required, selector)])))
  }
}

extension YAMLValue {
  /// The members of a pod that are numbers in the API, of those that are read.
  private static let numbers: Set<String> = [
    "activeDeadlineSeconds", "terminationGracePeriodSeconds", "hostPort", "containerPort",
    "deletionGracePeriodSeconds",
  ]

  /// As an API server would write it.
  func apiJSON(key: String = "") -> String {
    switch self {
    case .null: "null"
    case .scalar(let text, let isPlain):
      isPlain && (Self.numbers.contains(key) || text == "true" || text == "false")
        ? text : Self.quoted(text)
    case .sequence(let items): "[" + items.map { $0.apiJSON() }.joined(separator: ",") + "]"
    case .mapping(let pairs):
      "{"
        + pairs.map { "\(Self.quoted($0.key)):\($0.value.apiJSON(key: $0.key))" }
        .joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    let data = try? JSONEncoder().encode(text)
    return String(decoding: data ?? Data("\"\"".utf8), as: UTF8.self)
  }

  /// With a member set, or without it.
  func with(_ key: String, _ value: YAMLValue?) -> YAMLValue {
    guard case .mapping(let pairs) = self else { return self }
    return .mapping(pairs.filter { $0.key != key } + (value.map { [(key, $0)] } ?? []))
  }
}
