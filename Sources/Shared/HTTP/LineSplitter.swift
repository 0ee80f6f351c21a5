import FoundationEssentials
import Glibc

/// Cuts a stream of octets into lines, however it is split into pieces.
struct LineSplitter {
  /// The beginning of a line whose end has not come yet.
  private(set) var rest = Data()

  /// The lines that end in this piece, without their line feeds; empty ones are left out.
  mutating func take(_ piece: UnsafeRawBufferPointer) -> [Data] {
    // Each octet is looked at once, however many pieces a long line comes in.
    var lines: [Data] = []
    var remaining = piece[...]
    while let line = remaining.firstLine {
      rest.append(contentsOf: UnsafeRawBufferPointer(rebasing: line))
      if !rest.isEmpty { lines.append(rest) }
      rest = Data()
      remaining = remaining[(line.endIndex + 1)...]
    }
    rest.append(contentsOf: UnsafeRawBufferPointer(rebasing: remaining))
    return lines
  }
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
