import FoundationEssentials
import Messages

/// The table of `qstat -w -u USER`: a line for each job that has not ended.
struct JobTable: Sendable, Equatable {
  /// How many columns a job's line has: id, user, queue, name, session, nodes, tasks, memory, time
  /// asked for, state, time used.
  private static let columns = 11
  private static let stateColumn = 9

  /// Ids of all jobs.
  private(set) var jobs: Set<String> = []
  /// Their states, of those whose line could be read to its end.
  private(set) var states: [String: Job.State] = [:]
  /// An id was too long for its column, so that nobody knows all ids.
  private(set) var hasShortenedIDs = false

  /// Reads the output; nil when it is something else, or was cut off in a line.
  init?(_ output: Data) {
    guard let lines = PBSText.lines(output) else { return nil }
    if lines.isEmpty { return }
    // The header's last line; before it stand the server's name and comment.
    guard let header = lines.firstIndex(where: { $0.hasPrefix("----") }) else { return nil }
    for line in lines[(header + 1)...] {
      let fields = line.split(separator: " ")
      guard let first = fields.first else { return nil }
      if first.hasSuffix("*") {
        hasShortenedIDs = true
        continue
      }
      guard let id = JobID(String(first)), !id.server.isEmpty else { return nil }
      jobs.insert(id.description)
      if fields.count == Self.columns {
        states[id.description] = Job.State(rawValue: String(fields[Self.stateColumn]))
      }
    }
  }
}
