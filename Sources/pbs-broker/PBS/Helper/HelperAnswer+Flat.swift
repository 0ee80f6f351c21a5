/// Answers as octets: one tagged part after the other, of which the last says that it is the last.
/// A frame may end after any part.
extension HelperAnswer {
  enum Part: UInt8 {
    case job = 1
    case object, gone, fresh, submitted, failure, last
  }

  /// The most octets of a failure's words or of an id; PBS's have a few hundred.
  static let longestWords = 64 << 10

  /// Takes in the parts in a frame.
  /// - Parameter content: what it may tell.
  /// - Throws: where the frame is none of a helper's. Then this is not to be used.
  mutating func read(
    _ octets: UnsafeRawBufferPointer, of content: Content
  ) throws(FlatError) {
    var reader = FlatReader(octets)
    var flat = FlatJob()
    while !reader.isAtEnd {
      guard !isLast else { throw .unexpected("what follows") }
      let number = try reader.octet()
      guard let part = Part(rawValue: number) else { throw .unknown(number) }
      switch part {
      case .job:
        guard content == .jobs else { throw .unexpected("a job") }
        try flat.read(&reader)
        if flat.isWhole, let job = Job(flat) {
          jobs.append(job)
        } else {
          unreadable.append(String(flat: flat.id))
        }
      case .object:
        guard content == .objects else { throw .unexpected("an object") }
        objects.append(try reader.object())
      case .gone:
        guard content == .jobs else { throw .unexpected("a job's end") }
        gone.append(try reader.text())
      case .fresh: isFresh = true
      case .submitted:
        guard content == .job else { throw .unexpected("a job's id") }
        job = try reader.text(limit: Self.longestWords)
      case .failure: failure = try reader.failure()
      case .last: isLast = true
      }
    }
    // What tells little says it in one frame, and cannot be said for ever.
    guard isLast || content == .jobs || content == .objects else { throw .cut }
  }
}

extension FlatReader {
  fileprivate mutating func failure() throws(FlatError) -> LibraryFailure {
    let number = try octet()
    guard let kind = LibraryFailure.Kind(rawValue: number) else { throw .unknown(number) }
    let code = Int(Int32(truncatingIfNeeded: try self.number()))
    return LibraryFailure(
      kind: kind, code: code, words: try text(limit: HelperAnswer.longestWords))
  }

  /// A host or the server: its name, its attributes as names and values up to a zero, and whether it
  /// is whole.
  fileprivate mutating func object() throws(FlatError) -> PBSText.Object {
    var object = PBSText.Object(name: try text())
    while try octet() == 1 {
      let name = try text()
      let value = try text()
      if object.attributes[name] == nil { object.attributes[name] = value }
    }
    object.isWhole = try octet() == 1
    return object
  }
}

extension FlatWriter {
  mutating func add(_ part: HelperAnswer.Part) { add(octet: part.rawValue) }

  mutating func add(_ failure: LibraryFailure) {
    add(HelperAnswer.Part.failure)
    add(octet: failure.kind.rawValue)
    add(Int(UInt32(truncatingIfNeeded: failure.code)))
    // A character that is cut is repaired, which takes three octets.
    add(String(decoding: failure.words.utf8.prefix(HelperAnswer.longestWords - 3), as: UTF8.self))
  }
}
