import FoundationEssentials
import Glibc

/// Cuts a stream of octets into lines, however it is split into pieces.
struct LineSplitter {
  /// The most octets in one line. An object of the Kubernetes API has at most some 2 MiB
  /// (etcd's request limit, and what JSON adds).
  static let limit = 8 << 20

  private let limit: Int
  /// The beginning of a line whose end has not come yet.
  private(set) var rest = Data()

  init(limit: Int = LineSplitter.limit) {
    self.limit = limit
  }

  /// The lines that end in this piece, without their line feeds; empty ones are left out.
  /// - Throws: ``LineTooLong``, after which the stream cannot be read further.
  mutating func take(_ piece: UnsafeRawBufferPointer) throws(LineTooLong) -> [Data] {
    // Each octet is looked at once, however many pieces a long line comes in.
    var lines: [Data] = []
    var remaining = piece[...]
    while let line = remaining.firstLine {
      try append(line)
      if !rest.isEmpty { lines.append(rest) }
      rest = Data()
      remaining = remaining[(line.endIndex + 1)...]
    }
    try append(remaining)
    return lines
  }

  private mutating func append(_ octets: Slice<UnsafeRawBufferPointer>) throws(LineTooLong) {
    guard rest.count + octets.count <= limit else { throw LineTooLong(limit: limit) }
    rest.append(contentsOf: UnsafeRawBufferPointer(rebasing: octets))
  }
}

/// A line that is longer than any that is sent in good order.
struct LineTooLong: Error, CustomStringConvertible {
  /// Octets.
  let limit: Int
  var description: String { "a line is over the limit of \(limit) octets" }
}

extension Slice<UnsafeRawBufferPointer> {
  /// What stands before the first line feed; nil when there is none.
  fileprivate var firstLine: Self? {
    let octets = UnsafeRawBufferPointer(rebasing: self)
    guard let start = octets.baseAddress, let end = memchr(start, 0x0A, octets.count) else {
      return nil
    }
    return self[startIndex..<(startIndex + (UnsafeRawPointer(end) - start))]
  }
}
