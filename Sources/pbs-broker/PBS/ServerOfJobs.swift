import Messages

/// The server whose jobs are followed, known by its name in their ids.
struct ServerOfJobs: Sendable {
  /// Empty while it is not known.
  let name: String
  /// What stands behind the number of each of its jobs; nil where it can stand in no id.
  private let suffix: String?

  init(_ name: String = "") {
    self.name = name
    suffix = JobID("1.\(name)") == nil ? nil : ".\(name)"
  }

  /// Whether this is the id of a job of this server, as PBS writes it.
  func has(_ id: String) -> Bool {
    if let suffix, id.utf8.count <= JobID.limit,
      id.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    {
      let number = id.utf8.dropLast(suffix.utf8.count)
      // As most are, which are many.
      if (1...12).contains(number.count), number.first != UInt8(ascii: "0"),
        number.allSatisfy({ (0x30...0x39).contains($0) })
      {
        return true
      }
    }
    guard let parsed = JobID(id), parsed.description == id else { return false }
    return parsed.server == name
  }
}
