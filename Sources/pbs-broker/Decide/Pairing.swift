import Kubernetes
import Messages

/// Which of a pod's jobs is the one that it was bound with. A job proves by itself whose it is (its
/// UID, its owner); the pod's annotation can be written by the pod's owner, and only says where to
/// look.
enum Pairing {
  /// - Parameters:
  ///   - jobs: the pod's own jobs.
  ///   - remembered: the job with which this broker has seen the pod bound.
  static func job(
    of pod: Pod, among jobs: [Job], remembered: String?, hostMap: HostMap
  ) -> Job? {
    if let remembered, let job = jobs.first(where: { $0.id == remembered }) { return job }
    if let named = namedJob(pod), let job = jobs.first(where: { $0.id == named }) { return job }
    // Its annotation is gone or says something else, or it was bound by hand to where its job runs.
    return Reconciliation.keeper(of: jobs.filter { hostMap.node(of: $0) == pod.nodeName })
  }

  /// The run count in the pod's annotation; nil when it is none that PBS can have counted.
  static func runCount(_ pod: Pod) -> Int? {
    guard let text = pod.metadata.annotations?[WellKnown.runCount],
      text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(text), count > 0
    else { return nil }
    return count
  }

  /// The job id in the pod's annotation, put together anew; nil when there is none.
  static func namedJob(_ pod: Pod) -> String? {
    pod.metadata.annotations?[WellKnown.jobID].flatMap { JobID($0) }?.description
  }
}
