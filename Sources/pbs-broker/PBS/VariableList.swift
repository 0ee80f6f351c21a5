/// A list of NAME=VALUE items as PBS tells it, such as Variable_List: with commas between them, and a
/// backslash before each octet that is meant as it is.
enum VariableList {
  private static let backslash = UInt8(ascii: "\\")

  /// Calls `take` with the name and the value of each item, in their order.
  static func forEach(
    _ list: UnsafeRawBufferPointer,
    _ take: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
  ) {
    var plain: [UInt8] = []
    var start = 0
    var sign: Int?
    var isEscaped = false
    var hasEscapes = false
    func end(at position: Int) {
      defer {
        start = position + 1
        sign = nil
        hasEscapes = false
      }
      guard let sign else { return }
      guard hasEscapes else {
        return take(
          UnsafeRawBufferPointer(rebasing: list[start..<sign]),
          UnsafeRawBufferPointer(rebasing: list[(sign + 1)..<position]))
      }
      plain.removeAll(keepingCapacity: true)
      unescape(UnsafeRawBufferPointer(rebasing: list[start..<sign]), into: &plain)
      let count = plain.count
      unescape(UnsafeRawBufferPointer(rebasing: list[(sign + 1)..<position]), into: &plain)
      plain.withUnsafeBytes {
        take(
          UnsafeRawBufferPointer(rebasing: $0[..<count]),
          UnsafeRawBufferPointer(rebasing: $0[count...]))
      }
    }
    for (position, octet) in list.enumerated() {
      if isEscaped {
        isEscaped = false
      } else if octet == backslash {
        isEscaped = true
        hasEscapes = true
      } else if octet == UInt8(ascii: ",") {
        end(at: position)
      } else if octet == UInt8(ascii: "="), sign == nil {
        sign = position
      }
    }
    end(at: list.count)
  }

  private static func unescape(_ octets: UnsafeRawBufferPointer, into plain: inout [UInt8]) {
    var isEscaped = false
    for octet in octets {
      if octet == backslash, !isEscaped {
        isEscaped = true
      } else {
        plain.append(octet)
        isEscaped = false
      }
    }
  }
}
