import ConnectorMetrics
import Kubernetes
import Messages
import Monitoring
import Runtime
import Text

/// What a submission is made of, and what follows from its end.
extension Broker {
  func submit(_ record: PodRecord, _ job: JobDescription) {
    guard !record.isSubmitting, record.pollNeededAfter == nil else { return }
    let now = clock.now
    let wait = max(record.notBefore, sharedWait(record, job, now)?.until ?? 0) - now
    guard wait <= 0 else {
      let uid = record.uid
      let timer = clock.timer { [weak self] in self?.compare(uid) }
      timer.schedule(after: wait)
      record.submitTimer = timer
      return
    }
    record.isSubmitting = true
    submitter.add(record.uid, of: record.namespace, as: job.user)
  }

  /// What a pod whose submission waits asks for now: it may be for nothing, or to be sorted anew.
  func submissionChanged(_ record: PodRecord, to job: JobDescription?) {
    guard record.isSubmitting else { return }
    if submitter.changed(record.uid, of: record.namespace, to: job) { record.isSubmitting = false }
  }

  /// Requests as other users of PBS, and trouble with these.
  func makeUserTrouble() -> UserTrouble {
    let users = UserTrouble(clock: clock, log: log)
    users.isAway = { [unowned self] in poller.isAway }
    users.onTrouble = { [unowned self] in compareAll() }
    return users
  }

  /// The job that is to be submitted now: things may have changed while the pod waited in the queue.
  /// It is signed at this moment, where there are keys.
  func jobToSubmit(_ uid: String) throws(PBSError) -> JobDescription? {
    guard case (var description, let reference, let cluster)? = wanted(uid) else { return nil }
    // So that whoever meets the job can tell what of it its pod has changed since.
    description.environment.append((WellKnown.jobTerms, JobTerms(submitted: description).text))
    description.token = try signer?.token(
      for: reference, cluster: cluster, select: description.submittedSelect,
      as: description.user)
    if let record = world.pods[uid] {
      for key in sharedKeys(record, description) {
        world.rejections.tries(key, pod: uid, now: clock.now)
      }
    }
    return description
  }

  /// The job that is to be submitted now, for which pod of which cluster; nil when none is.
  func wanted(_ uid: String) -> (JobDescription, PodReference, String)? {
    guard let record = world.pods[uid], let pod = record.pod, record.isPresent,
      owns(uid), record.jobs.isEmpty,
      pod.nodeName == nil, !pod.isTerminating, !pod.isFinished,
      let reference = PodReference(pod), let cluster = world.cluster?.id,
      case .success(let description) = translation(of: record),
      sharedWait(record, description, clock.now) == nil
    else { return nil }
    return (description, reference, cluster)
  }

  /// PBS's user whose a job is; nil where the job is not known.
  func owner(of job: String) -> String? {
    world.jobs[job]?.job.ownerName
  }

  func submitted(_ uid: String, _ description: JobDescription, _ id: String) {
    guard let record = world.pods[uid], let pod = record.pod else { return }
    if description.user ?? backend.user != backend.user, let other = world.jobs[id]?.job.pod,
      other.uid != uid
    {
      // A user can take over the process that submits as him.
      let error = PBSError.unavailable("job \(id) is pod \(other.fullName)'s")
      if let user = description.user { users.noted(error, of: .submissions, as: user) }
      return submissionFailed(uid, error)
    }
    if !world.rejections.isEmpty { world.rejections.accepted(.request(of: pod, description)) }
    log.info(
      "associating job \(id) to pod \(record.name)",
      metadata: .about(pod: record.name, uid: uid, job: id))
    Metric.submissions.count(1, record.namespace, "taken")
    record.observeAge(.submissionDelay, at: clock.date)
    record.refusal = nil
    record.asked[id] = AskedTerms(terms: JobTerms(submitted: description))
    record.waitsFor = nil
    record.unansweredBackoff.reset()
    var job = Job(
      id: id, state: .queued, substate: 10, execHost: nil, runCount: 0, comment: nil,
      exitStatus: nil, holdTypes: nil, owner: "\(description.user ?? backend.user)@",
      pod: PodReference(pod))
    job.cluster = world.cluster?.id
    job.scheduler = pod.spec.schedulerName
    if world.reliance == .required, let cluster = job.cluster, let pod = job.pod {
      // Until PBS tells what it makes of it.
      job.proof = ProvenPod(cluster: cluster, pod: pod).text
    }
    world.add(job, began: nil, now: clock.now)
    poller.submitted(id)
  }

  func submissionFailed(_ uid: String, _ error: PBSError) {
    guard let record = world.pods[uid] else { return }
    world.rejections.endTrials(of: uid)
    Metric.submissions.count(1, record.namespace, error.word)
    switch error {
    case .refused(let words):
      let delay = record.backoff.delay()
      record.notBefore = clock.now + delay
      // The same words again are no news.
      log.log(
        level: words == record.refusal ? .debug : .warning,
        "pod \(record.name): PBS refuses the job: \(words); again in \(String(rounded: delay)) s",
        metadata: .about(pod: record.name, uid: uid))
      if words != record.refusal { Metric.refusals.count(1, record.namespace, "pbs") }
      record.refusal = words
      if let pod = record.pod, case .success(let job) = translation(of: record) {
        world.rejections.rejected(
          .request(of: pod, job), reason: "PBS refuses jobs that ask for the same: \(words)",
          now: clock.now)
      }
    case .unavailable(let words), .busy(let words), .limit(let words), .unauthorized(let words):
      complaints.warn("pod \(record.name): qsub: \(words)", cause: words)
      record.notBefore = clock.now + record.unansweredBackoff.delay()
      // The job may exist all the same.
      record.isUnanswered = true
      record.pollNeededAfter = clock.now + Self.settling
      poller.pollSoon(within: Self.settling)
    }
  }
}
