import FoundationEssentials

/// What `qstat -E -f -w` says of the jobs that it was asked for.
struct QstatAnswer: Sendable, Equatable {
  private(set) var jobs: [Job] = []
  /// Asked for and told, but not readable, or told twice: which of the two to believe nobody knows.
  private(set) var unreadable: Set<String> = []
  /// Told without having been asked for.
  private(set) var strangers: Set<String> = []

  /// All of those asked for that were told, readable or not.
  var told: Set<String> { unreadable.union(jobs.map(\.id)) }

  init(_ output: Data, asked: Set<String>) {
    let objects = PBSText.parse(output, prefix: "Job Id: ")
    var counts: [String: Int] = [:]
    for object in objects { counts[object.name, default: 0] += 1 }
    for object in objects {
      if !asked.contains(object.name) {
        strangers.insert(object.name)
      } else if counts[object.name] == 1, object.isWhole, let job = Job(object) {
        jobs.append(job)
      } else {
        unreadable.insert(object.name)
      }
    }
  }
}
