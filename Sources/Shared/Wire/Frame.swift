import FoundationEssentials

/// Why a peer's octets are not frames.
public enum FrameError: Error, Equatable, CustomStringConvertible {
  case malformedLength(String)
  case tooLong(Int, limit: Int = Frame.limit)
  case missingLineFeed

  public var description: String {
    switch self {
    case .malformedLength(let text): "a frame's length is not a decimal number: \(text)"
    case .tooLong(let length, let limit):
      "a frame of \(length) octets is over the limit of \(limit)"
    case .missingLineFeed: "a frame does not end in a line feed"
    }
  }
}

/// The framing of all sockets: a decimal length, one space, and that many octets, one
/// JSON object that ends in a line feed (the octet counting of RFC 6587, section 3.4.1).
public enum Frame {
  /// The most octets in one frame: an object of the Kubernetes API is at most about
  /// 1.5 MiB (etcd's request limit).
  public static let limit = 4 << 20

  /// The most octets in a frame from a client: outcomes are short, and what many clients have
  /// begun to send is held in memory.
  public static let clientLimit = 1 << 20

  /// Whether a JSON object is small enough for a frame.
  public static func fits(_ json: Data, limit: Int = limit) -> Bool { json.count < limit }

  /// Frames one JSON object, which must fit.
  /// - Parameter beginning: what stands in place of its first octet: a brace, and members of which the
  ///   last one ends in a comma. The object then has a member of its own.
  public static func encode(_ json: Data, beginningWith beginning: Data? = nil) -> Data {
    let size = json.count + (beginning.map { $0.count - 1 } ?? 0) + 1
    let length = "\(size) "
    var frame = Data(capacity: length.utf8.count + size)
    frame.append(contentsOf: length.utf8)
    if let beginning {
      frame.append(beginning)
      frame.append(json.dropFirst())
    } else {
      frame.append(json)
    }
    frame.append(0x0A)
    return frame
  }
}

/// Cuts a stream of octets into frames, however it is split into pieces.
public struct FrameReader {
  private var buffer: [UInt8] = []
  private var start = 0
  private let limit: Int

  /// - Parameter limit: the most octets of one frame, at most ``Frame/limit``.
  public init(limit: Int = Frame.limit) {
    self.limit = min(limit, Frame.limit)
  }

  /// The octets that wait for the rest of their frame.
  public var pending: Int { buffer.count - start }

  public mutating func append(_ bytes: UnsafeRawBufferPointer) {
    if start > 0, start == buffer.count || start > 1 << 16 {
      buffer.removeSubrange(..<start)
      start = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// The next whole frame's JSON, without its line feed; nil when more octets are needed.
  /// - Throws: ``FrameError``, after which the stream cannot be read further.
  public mutating func next() throws(FrameError) -> Data? {
    var length = 0
    var position = start
    // A length over the limit is refused at its eighth digit, so none overflows.
    let most = min(buffer.count, start + 9)
    while position < most, buffer[position] != 0x20 {
      let digit = buffer[position]
      guard digit >= 0x30, digit <= 0x39, !(position > start && buffer[start] == 0x30) else {
        throw .malformedLength(excerpt)
      }
      length = length * 10 + Int(digit - 0x30)
      position += 1
      if length > limit { throw .tooLong(length, limit: limit) }
    }
    guard position < buffer.count else { return nil }
    guard buffer[position] == 0x20, position > start, length > 0 else {
      throw .malformedLength(excerpt)
    }
    let end = position + 1 + length
    guard end <= buffer.count else { return nil }
    guard buffer[end - 1] == 0x0A else { throw .missingLineFeed }
    let json = Data(buffer[(position + 1)..<(end - 1)])
    start = end
    return json
  }

  private var excerpt: String {
    let text = String(decoding: buffer[start..<min(buffer.count, start + 16)], as: UTF8.self)
    return String(reflecting: text)
  }
}
