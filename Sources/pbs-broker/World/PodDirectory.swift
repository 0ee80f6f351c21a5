import Kubernetes

/// Pods by their names, and which pods name others in ``OptionKey/depend``.
struct PodDirectory: Sendable {
  /// UIDs by "namespace/name".
  private var uids: [String: String] = [:]
  /// "namespace/name" by UID.
  private var names: [String: String] = [:]
  /// UIDs of the pods that name a pod, by that pod's "namespace/name".
  private var dependants: [String: Set<String>] = [:]
  private var named: [String: Set<String>] = [:]

  /// Takes in a pod as it is now.
  mutating func enter(_ pod: Pod) {
    guard let uid = pod.metadata.uid else { return }
    names[uid] = pod.fullName
    uids[pod.fullName] = uid
    let needed = Set(pod.dependencyNames.map { "\(pod.metadata.namespace ?? "default")/\($0)" })
    guard needed != named[uid, default: []] else { return }
    forgetNeeds(of: uid)
    named[uid] = needed
    for name in needed { dependants[name, default: []].insert(uid) }
  }

  mutating func remove(_ uid: String) {
    forgetNeeds(of: uid)
    // The name may be another pod's by now.
    if let name = names.removeValue(forKey: uid), uids[name] == uid { uids[name] = nil }
  }

  /// The pod of a name now.
  func uid(of fullName: String) -> String? { uids[fullName] }

  /// UIDs of the pods that name a pod.
  func dependants(of fullName: String) -> Set<String> { dependants[fullName] ?? [] }

  private mutating func forgetNeeds(of uid: String) {
    for name in named.removeValue(forKey: uid) ?? [] {
      dependants[name]?.remove(uid)
      if dependants[name]?.isEmpty == true { dependants[name] = nil }
    }
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
