/// What a helper has told of jobs, so that only what is new is told again: looking costs the
/// broker nothing while nothing changes.
struct ToldJobs {
  private struct Told {
    var fingerprint: Int
    /// PBS's second in which it changed last.
    var changedAt: Int?
    /// The listing that named it last.
    var listing: Int
    /// A later listing did not name it, which has been told.
    var isGone = false
  }

  /// PBS's seconds by which a change may be told later than one that followed it.
  private static let overlap = 2

  private var jobs: [String: Told] = [:]
  private var listing = 0
  private var newest: Int?

  /// No listing has been made.
  var isEmpty: Bool { listing == 0 }

  /// From which of PBS's seconds on changes have not been told; nil when PBS does not say when a
  /// job changed.
  var since: Int? { newest.map { $0 - Self.overlap } }

  /// Begins a listing of all jobs.
  mutating func begin() {
    listing += 1
  }

  /// Whether this is to be told of a job.
  mutating func isNews(_ id: String, fingerprint: Int, changedAt: Int?) -> Bool {
    if let changedAt { newest = max(newest ?? changedAt, changedAt) }
    let former = jobs[id]
    let isNews = former?.fingerprint != fingerprint || former?.isGone == true
    jobs[id] = Told(fingerprint: fingerprint, changedAt: changedAt, listing: listing)
    return isNews
  }

  /// Ends a listing of all jobs.
  /// - Returns: jobs that an earlier one named, and this one did not.
  mutating func end() -> [String] {
    var gone: [String] = []
    for (id, told) in jobs where told.listing != listing {
      if !told.isGone { gone.append(id) }
      jobs[id]?.isGone = true
      // One that has ended is told among the changes for a while, and would be news each time.
      if since.map({ told.changedAt ?? 0 < $0 }) ?? true { jobs[id] = nil }
    }
    return gone
  }
}
