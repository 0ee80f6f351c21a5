import CPBS

/// Looking at jobs. What there is to tell is asked for first, all of it: a look that fails has told
/// nothing, and the next one tells it.
extension LibraryHelper {
  /// The attributes of a job that are asked for.
  private static let wanted = [
    "job_state", "substate", "run_count", "exec_host", "exec_vnode", "comment", "Exit_status",
    "Hold_Types", "Job_Owner", "Variable_List", "Resource_List", "Job_Name", "queue", "project",
    "Account_Name", "group_list", "Priority", "estimated", JobGlance.changeTime,
  ]
  /// pbs_error.h: PBSE_UNKJOBID, PBSE_UNKRESC, PBSE_JOBHISTNOTSET.
  private static let unknownJob = 15001
  private static let unknownResource = 15035
  private static let noHistory = 15140
  /// Seconds after which a listing asks for all of each job again, in case that PBS has changed
  /// something without saying so.
  private static let completeInterval = 300.0
  /// Ids in one pbs_statjob.
  private static let batch = 1000

  mutating func list(
    _ which: HelperRequest.Jobs, telling: Set<String>, _ library: PBSLibrary
  ) throws(LibraryFailure) {
    let now = clock.now
    guard !told.isEmpty, now - completeAt < Self.completeInterval, told.since(now: now) != nil
    else { return try listAll(which, telling: telling, library, now) }
    let changed = try changed(which, library, now)
    // Of all that has not changed, which is most, only that it is still there.
    let listed = try Self.select(which, [], wanted: JobGlance.briefly, withEnded: false, library)
    let named = telling.union(changed.lazy.map { String(flat: $0.name) })
    var unknown = telling
    for job in listed {
      let id = String(flat: job.name)
      if !named.contains(id), !told.knows(id, JobGlance(job).brief) { unknown.insert(id) }
    }
    var others: [PBSObjects] = []
    for batch in unknown.sorted().chunked(Self.batch) {
      do throws(LibraryFailure) {
        others.append(try jobs(batch, library))
      } catch {
        // They have gone meanwhile, which the next listing shows.
        guard error.code == Self.unknownJob else { throw error }
      }
    }
    for job in changed { tellNews(of: job, now) }
    told.begin()
    for job in listed { told.isThere(String(flat: job.name)) }
    for job in others.joined() { tellNews(of: job, now, telling: telling) }
    for id in told.end(now: now) { writer.tell(gone: id) }
  }

  private mutating func listAll(
    _ which: HelperRequest.Jobs, telling: Set<String>, _ library: PBSLibrary, _ now: Double
  ) throws(LibraryFailure) {
    let isFresh = told.isEmpty
    let jobs = try Self.select(which, [], wanted: Self.wanted, withEnded: false, library)
    if isFresh { writer.tellFresh() }
    completeAt = now
    told.begin()
    for job in jobs { tellNews(of: job, now, telling: telling) }
    for id in told.end(now: now) { writer.tell(gone: id) }
  }

  mutating func changes(
    _ which: HelperRequest.Jobs, _ library: PBSLibrary
  ) throws(LibraryFailure) {
    // What is a change, only a listing before can tell.
    guard !told.isEmpty else { return writer.tellFresh() }
    let now = clock.now
    for job in try changed(which, library, now) { tellNews(of: job, now) }
  }

  /// The jobs that PBS has changed lately, ended ones included.
  private mutating func changed(
    _ which: HelperRequest.Jobs, _ library: PBSLibrary, _ now: Double
  ) throws(LibraryFailure) -> PBSObjects {
    var criteria: [(JobAttribute, pbs_operator)] = []
    let since = told.since(now: now)
    if let since {
      criteria.append((JobAttribute(JobGlance.changeTime, "\(since)"), pbs_at_least))
    }
    return try withHistory { (withEnded) throws(LibraryFailure) in
      // Without a moment that would be all that PBS remembers.
      try Self.select(
        which, criteria, wanted: Self.wanted, withEnded: withEnded && since != nil, library)
    }
  }

  /// All about some jobs, ended ones included.
  mutating func jobs(
    _ ids: [String], _ library: PBSLibrary
  ) throws(LibraryFailure) -> PBSObjects {
    try withHistory { (withEnded) throws(LibraryFailure) in
      try library.jobs(ids, wanted: Self.wanted, withEnded: withEnded)
    }
  }

  /// Tells of a job that is not as it was told last.
  /// - Parameter telling: jobs to tell of in any case.
  private mutating func tellNews(
    of job: PBSObjects.Item, _ now: Double, telling: Set<String> = []
  ) {
    let id = String(flat: job.name)
    let glance = JobGlance(job)
    let isNews = told.isNews(id, fingerprint: glance.fingerprint, glance.brief, now: now)
    if isNews || telling.contains(id) { writer.tell(job: job, waits: glance.waits) }
  }

  /// Jobs of those meant that meet further criteria.
  private static func select(
    _ which: HelperRequest.Jobs, _ criteria: [(JobAttribute, pbs_operator)], wanted: [String],
    withEnded: Bool, _ library: PBSLibrary
  ) throws(LibraryFailure) -> PBSObjects {
    let ofUser = (JobAttribute("User_List", which.user), pbs_equal)
    if which.byProof {
      // Any text: what has no such resource counts as less than all.
      let proven = (JobAttribute("Resource_List", "0", resource: "k8s_pod"), pbs_at_least)
      do throws(LibraryFailure) {
        return try library.select([proven] + criteria, wanted: wanted, withEnded: withEnded)
      } catch {
        // A server without the resource has no job with proof; those of our user are told of.
        guard error.code == Self.unknownResource else { throw error }
      }
    }
    return try library.select([ofUser] + criteria, wanted: wanted, withEnded: withEnded)
  }

  /// Asks for ended jobs as well, where PBS keeps them.
  private mutating func withHistory(
    _ ask: (Bool) throws(LibraryFailure) -> PBSObjects
  ) throws(LibraryFailure) -> PBSObjects {
    do throws(LibraryFailure) {
      return try ask(hasHistory)
    } catch {
      guard hasHistory, error.code == Self.noHistory else { throw error }
      hasHistory = false
      return try ask(false)
    }
  }
}
