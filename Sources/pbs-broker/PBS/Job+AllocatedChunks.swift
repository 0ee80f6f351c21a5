extension Job {
  /// Reads exec_vnode: "(vn1:ncpus=2:mem=4kb+vn2:ncpus=1)+(vn3:ncpus=1)", what stands in one pair of
  /// parentheses being one chunk of the select, spread over vnodes.
  /// - Returns: an item for each vnode of each chunk; nil when the text is of another form.
  static func allocatedChunks(_ text: UnsafeRawBufferPointer) -> [AllocatedChunk]? {
    let (begin, end) = (UInt8(ascii: "("), UInt8(ascii: ")"))
    let plus = UInt8(ascii: "+")
    guard text.count >= 2, text.first == begin, text.last == end else { return nil }
    let inner = UnsafeRawBufferPointer(rebasing: text[1..<(text.count - 1)])
    var chunks: [AllocatedChunk] = []
    var start = 0
    var position = 0
    while position < inner.count {
      var next = position + 1
      switch inner[position] {
      case begin: return nil
      case end:
        // Between two chunks stands ")+(", and nowhere else a parenthesis.
        guard position + 2 < inner.count, inner[position + 1] == plus, inner[position + 2] == begin
        else { return nil }
        next = position + 3
      case plus: break
      default:
        position = next
        continue
      }
      guard let chunk = allocatedChunk(inner[start..<position]) else { return nil }
      chunks.append(chunk)
      start = next
      position = next
    }
    guard let last = allocatedChunk(inner[start...]) else { return nil }
    return chunks + [last]
  }

  /// "vn1:ncpus=2:mem=4kb".
  private static func allocatedChunk(
    _ text: Slice<UnsafeRawBufferPointer>
  ) -> AllocatedChunk? {
    var fields = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)[...]
    guard let vnode = fields.popFirst(), !vnode.isEmpty else { return nil }
    var resources: [String: String] = [:]
    for field in fields {
      guard let sign = field.firstIndex(of: UInt8(ascii: "=")), sign != field.startIndex else {
        return nil
      }
      resources[string(field[..<sign])] = string(field[sign...].dropFirst())
    }
    return AllocatedChunk(vnode: string(vnode), resources: resources)
  }

  private static func string(_ octets: Slice<UnsafeRawBufferPointer>) -> String {
    String(flat: UnsafeRawBufferPointer(rebasing: octets))
  }

  static func allocatedChunks(_ text: String) -> [AllocatedChunk]? {
    var text = text
    return text.withUTF8 { allocatedChunks(UnsafeRawBufferPointer($0)) }
  }
}
