/// What a helper has told of jobs, so that only what is new is told again: looking costs the
/// broker nothing while nothing changes.
struct ToldJobs {
  private struct Told {
    var fingerprint: Int
    var brief: JobGlance.Brief
    /// The listing that named it last.
    var listing: Int
    /// A later listing did not name it, which has been told.
    var isGone = false
  }

  /// Seconds by which PBS's word of when a job changed may be behind, since its clock and ours tick
  /// in whole ones, and it takes its time from before it began to work on a request. What comes later
  /// still is found by the next listing.
  private static let overlap = 2

  private var jobs: [String: Told] = [:]
  private var listing = 0
  /// The newest change that PBS has told of, in its seconds, and when it was told, in ours.
  private var newest: (change: Int, toldAt: Double)?

  /// No listing has been made.
  var isEmpty: Bool { listing == 0 }

  /// From which of PBS's seconds on changes have not been told; nil when PBS does not say when a
  /// job changed. While nothing changes it goes on with the clock, so that a burst of changes is not
  /// told of again and again.
  /// - Parameter now: monotonic seconds.
  func since(now: Double) -> Int? {
    newest.map { $0.change - Self.overlap + max(Int(now - $0.toldAt) - Self.overlap, 0) }
  }

  /// Begins a listing of all jobs.
  mutating func begin() {
    listing += 1
  }

  /// Whether this is to be told of a job.
  /// - Parameter now: monotonic seconds when it was asked for.
  mutating func isNews(
    _ id: String, fingerprint: Int, _ brief: JobGlance.Brief, now: Double
  ) -> Bool {
    if let changedAt = brief.changedAt, changedAt > newest?.change ?? .min {
      newest = (changedAt, now)
    }
    let former = jobs[id]
    let isNews = former?.fingerprint != fingerprint || former?.isGone == true
    jobs[id] = Told(fingerprint: fingerprint, brief: brief, listing: listing)
    return isNews
  }

  /// Whether this has been told of a job as it is, as far as PBS says that briefly.
  func knows(_ id: String, _ brief: JobGlance.Brief) -> Bool {
    jobs[id].map { !$0.isGone && $0.brief == brief } ?? false
  }

  /// The listing names a job of which it tells nothing else.
  mutating func isThere(_ id: String) {
    jobs[id]?.listing = listing
  }

  /// Ends a listing of all jobs.
  /// - Returns: jobs that an earlier one named, and this one did not.
  mutating func end(now: Double) -> [String] {
    var gone: [String] = []
    let since = since(now: now)
    for (id, told) in jobs where told.listing != listing {
      if !told.isGone { gone.append(id) }
      jobs[id]?.isGone = true
      // One that has ended is told among the changes for a while, and would be news each time.
      if since.map({ told.brief.changedAt ?? 0 < $0 }) ?? true { jobs[id] = nil }
    }
    return gone
  }
}
