@testable import Messages
@testable import pbs_broker

extension Job {
  /// A job of ours, for a pod.
  static func with(
    _ id: String, _ state: State = .queued, substate: Int = 10, owner: String = "pbs-broker@host",
    pod: String? = "uid-1", cluster: String? = "east", scheduler: String? = "pbs"
  ) -> Job {
    var job = Job(
      id: id, state: state, substate: substate, execHost: nil, runCount: 0, comment: nil,
      exitStatus: nil, holdTypes: nil, owner: owner,
      pod: pod.map { PodReference(uid: $0, namespace: "default", name: "redis") })
    job.cluster = cluster
    job.scheduler = scheduler
    return job
  }
}
