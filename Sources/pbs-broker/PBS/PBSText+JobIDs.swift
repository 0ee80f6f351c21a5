import FoundationEssentials
import Messages

/// The output of the commands that print nothing but job ids.
extension PBSText {
  /// The id that `qsub` printed; nil when it printed something else.
  static func submittedJob(_ output: Data) -> JobID? {
    guard let ids = lines(output), ids.count == 1, let id = JobID(ids[0]), id.isOrdinary else {
      return nil
    }
    return id
  }

  /// The ids that `qselect` printed, one a line; nil when it printed something else.
  static func listedJobs(_ output: Data) -> Set<String>? {
    guard let lines = lines(output) else { return nil }
    let ids = lines.compactMap { JobID($0) }.filter { !$0.server.isEmpty }.map(\.description)
    return ids.count == lines.count ? Set(ids) : nil
  }

  /// The lines of an output; nil when the last one was cut off, since a part of an id may look like
  /// another one.
  static func lines(_ output: Data) -> [String]? {
    guard output.isEmpty || output.last == 0x0A else { return nil }
    return output.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
  }
}

extension JobID {
  /// A single job of a server that is named.
  var isOrdinary: Bool { !server.isEmpty && !isArray && index == nil }
}
