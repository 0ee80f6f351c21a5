import Kubernetes
import Messages
import Runtime

/// Jobs that wait follow what their pods ask for.
extension Broker {
  /// What PBS was asked for of each of the pod's jobs that wait, after a look at what PBS has.
  func asked(
    _ record: PodRecord, _ jobs: [JobRecord], _ translation: Result<JobDescription, Refusal>?
  ) -> [String: JobTerms] {
    guard case .success(let wanted) = translation else { return [:] }
    let waiting = jobs.filter(\.job.isWaiting)
    guard !waiting.isEmpty else {
      record.asked = [:]
      return [:]
    }
    let terms = JobTerms(wanted)
    var asked: [String: AskedTerms] = [:]
    for known in waiting {
      let id = known.job.id
      if var former = record.asked[id] {
        if former.terms != terms {
          former.terms = JobEdit.settled(former.terms, told: told(record, known), wanted: terms)
        }
        asked[id] = former
      } else if known.statAt > 0 {
        asked[id] = AskedTerms(
          terms: JobEdit.met(known.job.recorded, told: known.job.terms, wanted: terms))
      }
    }
    record.asked = asked
    return asked.mapValues(\.terms)
  }

  /// The job as PBS tells it, but for what is older than our last change of it.
  func withCurrentTerms(_ record: PodRecord, _ known: JobRecord) -> Job {
    guard isOutdated(record, known) else { return known.job }
    var job = known.job
    job.toldTerms = nil
    job.select = nil
    return job
  }

  private func told(_ record: PodRecord, _ known: JobRecord) -> JobTerms? {
    isOutdated(record, known) ? nil : known.job.terms
  }

  private func isOutdated(_ record: PodRecord, _ known: JobRecord) -> Bool {
    record.asked[known.job.id].map { known.statBegan <= $0.since } ?? false
  }

  /// Whether our user may move a pod's job: its owner may not where proof is required, but for
  /// pbs-broker's own user. (docs/hooks.md)
  func canMove(_ job: Job) -> Bool {
    world.reliance == .owner || job.isOwned(by: backend.user)
  }

  func makeAlterer() -> Alterer {
    Alterer(
      backend: backend, users: users, inFlight: settings.submissionsInFlight,
      isAway: { [unowned self] in poller.isAway },
      actions: .init(
        steps: { [unowned self] job throws(PBSError) in try await steps(of: job) },
        taken: { [unowned self] in taken($0, $1) },
        owner: { [unowned self] in owner(of: $0) },
        settled: { [unowned self] job in
          guard let uid = world.jobs[job]?.job.pod?.uid else { return alterer.ended(job) }
          world.markChanged(uid)
          compareChanged()
        }), clock: clock, log: log)
  }

  /// What is to be changed of a job now: things may have changed while it waited for its turn. An
  /// alteration is signed at this moment, where there are keys.
  private func steps(of job: String) async throws(PBSError) -> (JobEdit, [JobChange])? {
    // First, since things may change meanwhile.
    let actor = try await backend.actor(for: owner(of: job))
    guard let uid = world.jobs[job]?.job.pod?.uid, let record = world.pods[uid],
      let pod = record.pod, let reference = PodReference(pod), let presence = presence(of: record),
      case .present = presence, owns(uid), let cluster = world.cluster?.id,
      let edit = Reconciliation.decide(situation(record, presence, world.ownJobs(of: record))).edit,
      edit.job == job
    else { return nil }
    var steps: [JobChange] = edit.hold == true ? [.hold] : []
    if !edit.attributes.isEmpty {
      var attributes = edit.attributes
      let signed = PBSAlteration.signed(attributes, of: job)
      if let token = try signer?.token(for: reference, cluster: cluster, select: signed, as: actor)
      {
        attributes.append(
          JobAttribute("Resource_List", token, resource: QsubArguments.tokenResource))
      }
      steps.append(.alter(attributes))
    }
    if let queue = edit.queue { steps.append(.move(queue: queue)) }
    if edit.hold == false { steps.append(.release) }
    return (edit, steps)
  }

  /// PBS has done a part of a change.
  private func taken(_ edit: JobEdit, _ step: JobChange) {
    guard let uid = world.jobs[edit.job]?.job.pod?.uid, let record = world.pods[uid],
      var asked = record.asked[edit.job]
    else { return }
    let names =
      switch step {
      case .alter(let attributes):
        attributes.map { attribute in
          attribute.resource.map { JobTerms.resourcePrefix + $0 } ?? attribute.name
        }
      case .move: [JobTerms.queue]
      case .hold, .release: [JobTerms.hold]
      case .deleteMoved: [String]()
      }
    for name in names { asked.terms.values[name] = edit.terms.values[name] }
    asked.since = clock.now
    record.asked[edit.job] = asked
    poller.confirm(edit.job, within: 0.5)
  }

  /// PBS has moved a job to another server, where nobody follows it: it is deleted there, if that
  /// can be.
  func deleteMoved(_ job: String) {
    let owner = owner(of: job)
    let line = backend.line(of: owner)
    Task { @EventLoop in
      do throws(PBSError) {
        if let line, !users.begin(.deletions, as: line) {
          throw .busy("too much waits as \(line)")
        }
        defer { if let line { users.end(.deletions, as: line) } }
        try await backend.change(job, of: owner, .deleteMoved)
        log.warning("job \(job) was moved to another server, and has been deleted there")
      } catch {
        log.error(
          "job \(job) was moved to another server and cannot be deleted there: \(error); have it deleted (qdel -x \(job))"
        )
      }
    }
  }
}

/// What PBS was asked for of a job.
struct AskedTerms: Sendable {
  var terms: JobTerms
  /// When that was changed last, in monotonic seconds: what PBS has told before is older.
  var since = -Double.infinity
}
