import FoundationEssentials
import Messages

/// How the broker is put together: what each of its parts may ask, and whom it tells.
extension Broker {
  func makeSubmitter() -> Submitter {
    Submitter(
      backend: backend, users: users, inFlight: settings.submissionsInFlight,
      isAway: { [unowned self] in poller.isAway },
      actions: .init(
        job: { [unowned self] uid throws(PBSError) in try jobToSubmit(uid) },
        taken: { [unowned self] in submitted($0, $1, $2) },
        failed: { [unowned self] in submissionFailed($0, $1) },
        settled: { [unowned self] uid in
          world.pods[uid]?.isSubmitting = false
          world.markChanged(uid)
          compareChanged()
        },
        hindered: { [unowned self] in compareAll() },
        isWanted: { [unowned self] in wanted($0) != nil },
        terms: { [unowned self] in wanted($0)?.0 }), clock: clock, log: log)
  }

  func makeDeleter() -> Deleter {
    Deleter(
      backend: backend, users: users, inFlight: settings.submissionsInFlight,
      isWanted: { [unowned self] in isDeletionWanted($0) },
      owner: { [unowned self] in owner(of: $0) },
      run: { [unowned self] in world.jobs[$0].map { .init($0.job) } },
      onTaken: { [unowned self] in poller.pollSoon(within: 0.5) }, clock: clock, log: log)
  }

  private func isDeletionWanted(_ job: String) -> Bool {
    guard let known = world.jobs[job], let uid = known.job.pod?.uid, let record = world.pods[uid],
      let presence = presence(of: record)
    else { return false }
    if case .present = presence {
      guard owns(uid) else { return false }
    }
    return Reconciliation.decide(situation(record, presence, world.ownJobs(of: record)))
      .deletions.contains { $0.job == job }
  }

  func makePoller() -> JobPoller {
    JobPoller(
      world: world, backend: backend, settings: settings,
      actions: .init(
        ended: { [unowned self] in ended($0, $1, $2) },
        moved: { [unowned self] in deleteMoved($0) },
        isDeleting: { [unowned self] in deleter.isDeleting($0) },
        polled: { [unowned self] in polled($0, $1) },
        changed: { [unowned self] in compareChanged() }), clock: clock, log: log)
  }
}
