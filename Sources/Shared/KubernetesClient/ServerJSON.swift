import FoundationEssentials

/// JSON of the API server, in which users may nest as deep as they like: the API server takes
/// metadata.managedFields of any depth from whoever creates an object, with octets in its keys that are
/// no UTF-8, and passes them on. A JSON decoder would refuse a whole list for one such object.
enum ServerJSON {
  /// Objects and arrays within each other that are kept. Those of Kubernetes have some twenty.
  static let depth = 128

  /// Decodes what is not nested too deep, and leaves the rest out; replaces what is no UTF-8.
  static func decode<Value: Decodable>(_: Value.Type, from data: Data) throws -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: data)
    } catch let error as DecodingError {
      // Looked for only now: it costs a pass over all octets.
      guard case .dataCorrupted = error else { throw error }
      let shallow = cut(data) ?? data
      let repaired = Data(String(decoding: shallow, as: UTF8.self).utf8)
      guard repaired != data else { throw error }
      return try JSONDecoder().decode(Value.self, from: repaired)
    }
  }

  /// The same with empty objects and arrays in place of those that lie too deep; nil where none does.
  static func cut(_ data: Data, depth most: Int = depth) -> Data? {
    var result = Data()
    var depth = 0
    var isInText = false
    var isEscaped = false
    var isCut = false
    data.withUnsafeBytes { (octets: UnsafeRawBufferPointer) in
      // What is kept and not written yet begins here.
      var start = 0
      for (index, octet) in octets.enumerated() {
        if isInText {
          if isEscaped {
            isEscaped = false
          } else if octet == UInt8(ascii: "\\") {
            isEscaped = true
          } else if octet == UInt8(ascii: "\"") {
            isInText = false
          }
          continue
        }
        switch octet {
        case UInt8(ascii: "\""): isInText = true
        case UInt8(ascii: "{"), UInt8(ascii: "["):
          depth += 1
          if depth == most + 1 {
            isCut = true
            result.append(contentsOf: UnsafeRawBufferPointer(rebasing: octets[start...index]))
          }
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          if depth == most + 1 { start = index }
          depth -= 1
        default: break
        }
      }
      // An end in the middle of what is left out is no end.
      if depth <= most {
        result.append(contentsOf: UnsafeRawBufferPointer(rebasing: octets[start...]))
      }
    }
    return isCut ? result : nil
  }
}
