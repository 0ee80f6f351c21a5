import Messages

/// Whose a job is, by what only its owner's submission can have written.
enum JobOwnership: Sendable, Equatable {
  /// Submitted for a pod of this cluster and of our scheduler names, by our user or with proof.
  case ours
  /// Submitted by our user for a pod, by a version that did not write whose it is: the job of the
  /// pod that it names, when we know that pod, and nobody's else.
  case unmarked
  /// It would be ours by its owner, but PBS's server does not vouch for it. Only whoever remembers
  /// its submission may take it for ours, and delete it.
  case unproven
  /// Another user's, another cluster's, another connector's, or no pod's: never touched.
  case foreign

  /// - Parameters:
  ///   - job: as ``Job/believed(by:)`` gives it.
  ///   - user: PBS's name for us.
  ///   - cluster: nil while kube-watcher has not told it; then no job is known to be another
  ///     cluster's, and nothing may be decided on the answer.
  static func of(
    _ job: Job, user: String, reliance: Reliance = .owner, cluster: Cluster?
  ) -> JobOwnership {
    switch reliance {
    case .owner:
      return byOwner(job, user, cluster)
    case .required:
      guard ProvenPod(job.proof) != nil else {
        return byOwner(job, user, cluster) == .ours ? .unproven : .foreign
      }
      return ofCluster(job, cluster)
    }
  }

  private static func byOwner(_ job: Job, _ user: String, _ cluster: Cluster?) -> JobOwnership {
    guard job.pod != nil, job.isOwned(by: user) else { return .foreign }
    return job.cluster == nil ? .unmarked : ofCluster(job, cluster)
  }

  private static func ofCluster(_ job: Job, _ cluster: Cluster?) -> JobOwnership {
    guard let cluster else { return .ours }
    guard job.cluster == cluster.id else { return .foreign }
    // A variable, also where there is proof: it takes a job from us, and gives none to us.
    guard let scheduler = job.scheduler, !cluster.schedulerNames.contains(scheduler) else {
      return .ours
    }
    return .foreign
  }
}

/// What `Resource_List.k8s_pod` says: "CLUSTER/UID/NAMESPACE/NAME".
struct ProvenPod: Sendable, Equatable {
  var cluster: String
  var pod: PodReference

  init(cluster: String, pod: PodReference) {
    self.cluster = cluster
    self.pod = pod
  }

  /// nil for nil, and for text of another form.
  init?(_ text: String?) {
    let parts = text?.split(separator: "/", omittingEmptySubsequences: false).map(String.init) ?? []
    guard parts.count == 4, ProofToken.isCluster(parts[0]), ProofToken.isUID(parts[1]),
      ProofToken.isNamespace(parts[2]), ProofToken.isName(parts[3])
    else { return nil }
    cluster = parts[0]
    pod = PodReference(uid: parts[1], namespace: parts[2], name: parts[3])
  }

  var text: String { "\(cluster)/\(pod.uid)/\(pod.namespace)/\(pod.name)" }
}

extension Job {
  /// The job with what is believed of it: where proof is relied upon, the pod and the cluster that
  /// PBS's server vouches for, whatever its variables say.
  func believed(by reliance: Reliance) -> Job {
    guard reliance == .required, let proven = ProvenPod(proof) else { return self }
    var job = self
    job.pod = proven.pod
    job.cluster = proven.cluster
    return job
  }
}
