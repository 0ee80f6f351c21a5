import Kubernetes

/// Pods by their names, and which pods name others in ``OptionKey/depend``.
struct PodDirectory: Sendable {
  /// UIDs by "namespace/name".
  private var uids: [String: String] = [:]
  /// "namespace/name" by UID.
  private var names: [String: String] = [:]
  /// Pods that name other pods.
  private var dependencies = Naming()
  /// Pods that name volume claims.
  private var claims = Naming()

  /// Takes in a pod as it is now.
  mutating func enter(_ pod: Pod) {
    guard let uid = pod.metadata.uid else { return }
    names[uid] = pod.fullName
    uids[pod.fullName] = uid
    let namespace = pod.metadata.namespace ?? "default"
    dependencies.set(Set(pod.dependencyNames.map { "\(namespace)/\($0)" }), of: uid)
    claims.set(Set(pod.claimNames.map { "\(namespace)/\($0)" }), of: uid)
  }

  mutating func remove(_ uid: String) {
    dependencies.set([], of: uid)
    claims.set([], of: uid)
    // The name may be another pod's by now.
    if let name = names.removeValue(forKey: uid), uids[name] == uid { uids[name] = nil }
  }

  /// The pod of a name now.
  func uid(of fullName: String) -> String? { uids[fullName] }

  /// UIDs of the pods that name a pod.
  func dependants(of fullName: String) -> Set<String> { dependencies.who(names: fullName) }

  /// UIDs of the pods that use a volume claim, or would.
  func users(ofClaim fullName: String) -> Set<String> { claims.who(names: fullName) }

  /// Which pods name something, by its name.
  private struct Naming: Sendable {
    private var names: [String: Set<String>] = [:]
    private var uids: [String: Set<String>] = [:]

    mutating func set(_ new: Set<String>, of uid: String) {
      let before = names[uid] ?? []
      guard new != before else { return }
      names[uid] = new.isEmpty ? nil : new
      for name in before {
        uids[name]?.remove(uid)
        if uids[name]?.isEmpty == true { uids[name] = nil }
      }
      for name in new { uids[name, default: []].insert(uid) }
    }

    func who(names name: String) -> Set<String> { uids[name] ?? [] }
  }
}

extension Pod {
  /// The pods of its namespace that it names in ``OptionKey/depend``; none where that is refused.
  var dependencyNames: [String] {
    guard let text = metadata.annotations?[OptionKey.depend.annotation],
      let list = try? Dependency.list(text)
    else { return [] }
    return list.flatMap(\.podNames)
  }
}

extension World {
  /// What is known of the pods that a pod names, by name.
  func namedPods(of pod: Pod) -> [String: PodFate] {
    let namespace = pod.metadata.namespace ?? "default"
    var fates: [String: PodFate] = [:]
    for name in pod.dependencyNames {
      guard let uid = directory.uid(of: "\(namespace)/\(name)"), let record = pods[uid],
        record.isPresent, let other = record.pod
      else { continue }
      fates[name] = fate(of: other, record)
    }
    return fates
  }

  private func fate(of pod: Pod, _ record: PodRecord) -> PodFate {
    switch pod.status?.phase {
    case "Succeeded": return .succeeded
    case "Failed": return .failed
    default: break
    }
    let jobs = ownJobs(of: record).map(\.job)
    return Reconciliation.keeper(of: jobs).map { .job($0.id) } ?? .withoutJob
  }
}
