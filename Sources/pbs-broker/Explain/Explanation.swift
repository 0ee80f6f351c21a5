import Kubernetes
import Text

/// What becomes of a pod, and what has decided it, in lines for a person. Nothing is asked of
/// Kubernetes or PBS, so what they would say is assumed, and told.
struct Explanation {
  private(set) var lines: [String] = []
  private(set) var isRefused = false

  init(
    _ item: ManifestPod, _ policy: TranslationPolicy, hosts: [String: String],
    claims: ManifestClaims = ManifestClaims(), placeholder: [String], reliance: Reliance = .owner
  ) {
    let pod = item.pod
    var notes: [String] = []
    var context = TranslationContext(policy: policy, cluster: "id-of-the-cluster")
    let nodes = Self.nodes(of: pod)
    if !nodes.isEmpty || Self.asksForPlatform(pod) {
      context.hostMap = Self.hostMap(nodes, hosts)
      let names = nodes.isEmpty ? "" : "\(nodes.joined(separator: ", ")) is a host of PBS, and "
      notes.append("assumed: \(names)all hosts are linux and amd64")
    }
    let used = claims.claims(of: pod)
    context.claims = used.claims
    notes += used.notes
    context.namedPods = Self.fates(of: pod, &notes)
    let outcome = PodTranslation.outcome(for: pod, in: context)
    do {
      let job = try outcome.job.get()
      let words = try QsubArguments.arguments(for: job, placeholder: placeholder)
      lines.append("\(Self.title(item)): a job")
      lines.append("  qsub " + words.map(Self.shellWord).joined(separator: " "))
      lines += job.ignored.map { "  warning: \($0)" }
    } catch let refusal as Refusal {
      isRefused = refusal.kind == .cannot
      lines.append("\(Self.title(item)): \(isRefused ? "refused" : "waits")")
      lines += refusal.causes.map { "  \($0)" }
    } catch {
      isRefused = true
      lines.append("\(Self.title(item)): refused")
      lines.append("  \(error)")
    }
    if let namespace = outcome.namespace {
      lines.append("  policy: \(namespace.key)")
      let user = namespace.user.map { "\($0.value): \($0.source)" } ?? "pbs-broker's own"
      lines.append("  user: \(user)")
      notes += namespace.user.map { Self.note(on: $0.value, reliance) } ?? []
      lines += Self.requests(of: pod, namespace, policy).map { "  \($0)" }
      lines += Self.decisions(outcome.options).map { "  \($0)" }
    }
    let unknown = OptionKey.unknownAnnotations(of: pod)
    lines += unknown.map { "  warning: annotation \($0) is not known, and does nothing" }
    if pod.nodeName != nil {
      notes.append("it names its node already (spec.nodeName): such a pod gets no job")
    }
    if pod.isGated { notes.append("submitted once its scheduling gates are gone") }
    lines += notes.map { "  \($0)" }
    lines = lines.map(PlainText.escaped)
  }

  /// What has to be so for jobs to be this user's.
  private static func note(on user: String, _ reliance: Reliance) -> [String] {
    switch reliance {
    case .required: ["assumed: pbs-broker can be \(user) (root, or CAP_SETUID and CAP_SETGID)"]
    case .owner:
      ["warning: refused where pbs-broker is not \(user) itself: that takes proof: required"]
    }
  }

  private static func title(_ item: ManifestPod) -> String {
    var words: [String] = []
    if let owner = item.owner {
      let count = item.count.map { $0 == 1 ? "1 pod" : "\($0) pods" } ?? "a pod for each node"
      words = ["\(owner), \(count)"]
    }
    if let scheduler = item.pod.spec.schedulerName {
      words.append("schedulerName \(scheduler)")
    } else {
      words.append("no schedulerName")
    }
    return "pod \(item.pod.fullName) (\(words.joined(separator: "; ")))"
  }

  /// What of the select does not follow from the pod alone.
  private static func requests(
    of pod: Pod, _ namespace: NamespacePolicy, _ policy: TranslationPolicy
  ) -> [String] {
    var lines: [String] = []
    for name in ["cpu", "memory"] where pod.spec.resources?.asks(for: name) != true {
      let containers = pod.spec.containers.filter { $0.resources?.asks(for: name) != true }
      guard !containers.isEmpty, let key = namespace.defaultKeys[name] else { continue }
      lines.append("\(name) of \(containers.map(\.name).joined(separator: ", ")): \(key)")
    }
    let all = pod.spec.containers + (pod.spec.initContainers ?? [])
    let named = policy.resources.keys.filter { name in
      all.contains { $0.resources?.asks(for: name) == true }
        || pod.spec.resources?.asks(for: name) == true
    }
    lines += named.sorted().map { "\($0): pbs-broker.resources.\($0)" }
    let labels = policy.nodeLabels.keys.filter { label in
      pod.spec.nodeSelector?[label] != nil
        || pod.requiredExpressions.contains { $0.key == label }
    }
    return lines + labels.sorted().map { "node label \($0): pbs-broker.node-labels.\($0)" }
  }

  /// Each option with what has set it.
  private static func decisions(_ options: JobOptions) -> [String] {
    func line<Value>(_ name: String, _ option: Sourced<Value>?) -> [String] {
      option.map { ["\(name) \($0.value): \($0.source)"] } ?? []
    }
    func lines(_ name: String, _ resources: [String: Sourced<String>]) -> [String] {
      resources.sorted { $0.key < $1.key }.map { resource, option in
        "\(name) \(resource)=\(option.value): \(option.source)"
      }
    }
    return line("queue", options.reservation ?? options.queue) + line("walltime", options.walltime)
      + line("project", options.project) + line("account", options.account)
      + line("group", options.group) + line("priority", options.priority)
      + line("place", options.place) + lines("select", options.select)
      + lines("resource", options.resources) + line("hold", options.hold)
      + line("begin-time", options.beginTime) + line("job-name", options.jobName)
  }

  // MARK: What is assumed

  /// The nodes that the pod asks for by name or by the label of their host's name.
  private static func nodes(of pod: Pod) -> [String] {
    var names = [pod.spec.nodeSelector?[WellKnown.hostnameLabel]].compactMap(\.self)
    for item in pod.requiredExpressions
    where item.key == WellKnown.hostnameLabel || item.key == "metadata.name" {
      names += item.values ?? []
    }
    return Set(names).sorted()
  }

  private static func asksForPlatform(_ pod: Pod) -> Bool {
    let keys = pod.requiredExpressions.map(\.key) + (pod.spec.nodeSelector ?? [:]).keys
    return !NodeNames.platformLabels.isDisjoint(with: keys)
  }

  private static func hostMap(_ names: [String], _ table: [String: String]) -> HostMap {
    let names = names.isEmpty ? ["any"] : names
    let nodes = names.map { name in
      var node = Node(metadata: ObjectMeta(name: name), ready: true)
      node.metadata.labels = [WellKnown.hostnameLabel: name]
      for label in NodeNames.platformLabels {
        node.metadata.labels?[label] = label.hasSuffix("/os") ? "linux" : "amd64"
      }
      return node
    }
    let vnodes = names.map { name in
      let host = table.keys.sorted().first { table[$0] == name } ?? name
      return PBSVnode(name: host, host: host)
    }
    return HostMap(table: table, nodes: nodes, hosts: PBSHosts(vnodes: vnodes))
  }

  /// Pods that it depends on have ended as it needs them, or have jobs.
  private static func fates(of pod: Pod, _ notes: inout [String]) -> [String: PodFate] {
    guard let text = pod.metadata.annotations?[OptionKey.depend.annotation],
      let list = try? Dependency.list(text)
    else { return [:] }
    var fates: [String: PodFate] = [:]
    for dependency in list {
      for name in dependency.podNames {
        switch dependency.kind {
        case .afterok:
          fates[name] = .succeeded
          notes.append("submitted once pod \(name) has succeeded")
        case .afternotok:
          fates[name] = .failed
          notes.append("submitted once pod \(name) has failed")
        default:
          fates[name] = .job("job-of-\(name)")
          notes.append("submitted once pod \(name) has a job")
        }
      }
    }
    return fates
  }

  /// A word as a shell takes it.
  private static func shellWord(_ word: String) -> String {
    let plain = word.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF)
        || "-_=:,./+@%".utf8.contains($0)
    }
    return plain && !word.isEmpty
      ? word
      : "'"
        + word.split(
          separator: "'", omittingEmptySubsequences: false
        ).joined(separator: #"'\''"#) + "'"
  }
}

extension Pod {
  /// What its required node affinity asks of labels and fields, of all terms.
  fileprivate var requiredExpressions: [NodeSelectorRequirement] {
    let required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
    return (required?.nodeSelectorTerms ?? []).flatMap {
      ($0.matchExpressions ?? []) + ($0.matchFields ?? [])
    }
  }
}

extension ResourceRequirements {
  fileprivate func asks(for name: String) -> Bool {
    requests?[name] != nil || limits?[name] != nil
  }
}
