import Kubernetes
import Messages
import Monitoring

/// The jobs with which pods were bound. Their annotations name them, but are the text of their owners.
extension World {
  /// Jobs that bound pods name and that PBS is to tell the state of: pods that have not finished
  /// and of which no job is known. By id, UIDs of the pods. None before all pods were told: of a
  /// mass disappearance the first few alone would look like single ends.
  /// - Parameter server: the server of our PBS; a job of another is nobody's.
  func expectedJobs(server: String) -> [String: Set<String>] {
    var expected: [String: Set<String>] = [:]
    guard syncedSince != nil else { return expected }
    for record in pods.values where record.jobs.isEmpty && record.isPresent {
      guard let pod = record.pod, pod.nodeName != nil, !pod.isFinished,
        let id = namedJob(of: pod, record), id.server == server, !id.isArray,
        !record.ended.contains(where: { $0.id == id.description })
      else { continue }
      expected[id.description, default: []].insert(record.uid)
    }
    return expected
  }

  /// The job with which a pod was bound, by that job's own word where it has been heard: the
  /// annotation may name an earlier one, or what the pod's owner likes.
  private func namedJob(of pod: Pod, _ record: PodRecord) -> JobID? {
    if let bound = record.boundJob { return JobID(bound) }
    guard record.disownedJob == nil, !isWrittenByUser(pod) else { return nil }
    return pod.metadata.annotations?[WellKnown.jobID].flatMap { JobID($0) }
  }

  /// A pod that waits was never bound, or is so no more, since etcd was restored: what it will be
  /// bound with, nobody knows.
  func forgetBinding(of record: PodRecord) {
    (record.boundSince, record.boundJob, record.boundRunCount) = (nil, nil, nil)
    record.disownedJob = nil
  }

  /// Disowns what bound pods name that can be no job of our PBS, after a poll of all jobs.
  func disownWhatIsNoJob(server: String) {
    guard syncedSince != nil else { return }
    for record in pods.values where record.jobs.isEmpty && record.isPresent {
      guard let pod = record.pod, pod.nodeName != nil, !pod.isFinished,
        let text = pod.metadata.annotations?[WellKnown.jobID], record.ended.isEmpty
      else { continue }
      if JobID(text)?.server != server || isWrittenByUser(pod) { disown(record, text) }
    }
  }

  /// Whether the pod's annotation is its owner's text, and not what a Binding has left: then it
  /// says nothing of a job that PBS does not know as the pod's.
  func isWrittenByUser(_ pod: Pod) -> Bool {
    pod.metadata.createdBound == true || pod.metadata.jobIDWrittenByUser == true
  }

  /// What the pod's annotation names is not its job.
  func disown(_ record: PodRecord, _ text: String) {
    guard record.disownedJob == nil else { return }
    let excerpt = String(reflecting: String(text.prefix(64)))
    record.disownedJob = excerpt
    log.warning(
      "pod \(record.name): its annotation \(WellKnown.jobID) names \(excerpt), which is not its job: the pod is left alone",
      metadata: .about(pod: record.name, uid: record.uid)
    )
    markChanged(record.uid)
  }

  /// Records the job with which a pod is bound, once the job itself says that it is the pod's. An
  /// annotation that names another, or that is not there, was changed by the pod's owner: then it is
  /// the job that runs on the pod's node.
  func recognise(_ record: PodRecord) {
    guard record.boundJob == nil, let pod = record.pod, pod.nodeName != nil else { return }
    let told = record.jobs.compactMap { jobs[$0] }.filter { $0.statAt > 0 }.map(\.job)
    let job = Pairing.job(of: pod, among: told, remembered: nil, hostMap: hostMap)
    record.boundJob = job?.id
    record.boundRunCount = job.map { Pairing.runCount(pod) ?? $0.runCount }
  }
}
