import FoundationEssentials

/// A JSON text that has been read once, from which values are decoded: as many as are wanted, each at
/// the cost of what is asked for. Foundation's JSONDecoder makes a dictionary of each object on the
/// way, and reads all anew for each value.
///
/// It decodes what Foundation's JSONDecoder does, without its options: of members with the same name
/// the first one counts, numbers are exact, strings are UTF-8.
public final class JSONDocument: @unchecked Sendable, CustomStringConvertible {
  // Sendable: nothing changes after init.
  private let octets: UnsafeMutablePointer<UInt8>
  private let count: Int
  let nodes: [JSONNode]

  /// - Throws: `DecodingError.dataCorrupted` where the text is not JSON.
  public init(_ text: Data) throws {
    let size = text.count + JSONScanner.padding
    let octets = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
    text.copyBytes(to: octets, count: text.count)
    (octets + text.count).initialize(repeating: 0, count: JSONScanner.padding)
    self.octets = octets
    count = text.count
    var scanner = JSONScanner(octets, count: text.count)
    do throws(JSONError) {
      guard text.count < UInt32.max else { throw JSONError(reason: "it is too long", offset: 0) }
      try scanner.scan()
    } catch {
      octets.deallocate()
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: [],
          debugDescription:
            "The given data was not valid JSON: \(error.reason), at octet \(error.offset)"))
    }
    nodes = scanner.nodes
  }

  deinit {
    octets.deallocate()
  }

  /// The text.
  public var description: String {
    String(decoding: UnsafeBufferPointer(start: octets, count: count), as: UTF8.self)
  }

  /// Decodes the whole text.
  public static func decode<Value: Decodable>(
    _ type: Value.Type, from text: Data
  ) throws -> Value {
    try JSONDocument(text).decode(type)
  }

  /// Decodes the whole text.
  /// - Throws: `DecodingError` where it is another value.
  public func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try value(type, at: 0)
  }

  /// A member of the object that the text is; nil where it is none, or the member no string.
  public func text(_ name: String) -> String? {
    guard nodes[0].kind == .object, let index = member(name, of: 0) else { return nil }
    return try? string(at: index)
  }

  // MARK: Members

  /// Where the value of an object's member is; nil where there is none. The first one counts.
  func member(_ name: String, of object: Int) -> Int? {
    var name = name
    return name.withUTF8 { wanted in
      var index = object + 1
      let end = Int(nodes[object].next)
      while index < end {
        if isName(wanted, at: index) { return index + 1 }
        index = Int(nodes[index + 1].next)
      }
      return nil
    }
  }

  /// Calls `body` with the name and the value of each member of an object.
  func forEachMember(of object: Int, _ body: (_ name: Int, _ value: Int) throws -> Void) rethrows {
    var index = object + 1
    let end = Int(nodes[object].next)
    while index < end {
      try body(index, index + 1)
      index = Int(nodes[index + 1].next)
    }
  }

  private func isName(_ wanted: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
    let node = nodes[index]
    if node.kind == .escapedString {
      return (try? string(at: index)).map { $0.utf8.elementsEqual(wanted) } ?? false
    }
    let count = Int(node.end - node.start)
    guard count == wanted.count, let base = wanted.baseAddress else { return count == wanted.count }
    let own = octets + Int(node.start)
    for offset in 0..<count where own[offset] != base[offset] { return false }
    return true
  }

  // MARK: Scalars

  /// The octets of a scalar as they stand in the text.
  func raw(_ index: Int) -> UnsafeBufferPointer<UInt8> {
    let node = nodes[index]
    return UnsafeBufferPointer(start: octets + Int(node.start), count: Int(node.end - node.start))
  }

  /// - Throws: `DecodingError`.
  func string(at index: Int) throws -> String {
    switch nodes[index].kind {
    case .string:
      guard let text = String(validating: raw(index), as: UTF8.self) else {
        throw corrupted(index, "Unable to convert data to a string.")
      }
      return text
    case .escapedString:
      guard let text = JSONEscapes.text(of: raw(index)) else {
        throw corrupted(index, "Unable to convert data to a string.")
      }
      return text
    default: throw mismatch(String.self, index)
    }
  }

  /// - Throws: `DecodingError`.
  func integer<Value: FixedWidthInteger>(_: Value.Type, at index: Int) throws -> Value {
    switch nodes[index].kind {
    case .integer:
      if let value = Value(String(decoding: raw(index), as: UTF8.self)) { return value }
    case .decimal:
      let double = Double(String(decoding: raw(index), as: UTF8.self))
      if let value = double.flatMap(Value.init(exactly:)) { return value }
    default: throw mismatch(Value.self, index)
    }
    let text = String(decoding: raw(index), as: UTF8.self)
    throw corrupted(index, "Number \(text) is not representable in Swift.")
  }

  /// - Throws: `DecodingError`.
  func double(at index: Int) throws -> Double {
    switch nodes[index].kind {
    case .integer, .decimal:
      let text = String(decoding: raw(index), as: UTF8.self)
      if let value = Double(text), value.isFinite { return value }
      throw corrupted(index, "Number \(text) is not representable in Swift.")
    default: throw mismatch(Double.self, index)
    }
  }

  /// - Throws: `DecodingError`.
  func bool(at index: Int) throws -> Bool {
    switch nodes[index].kind {
    case .yes: true
    case .no: false
    default: throw mismatch(Bool.self, index)
    }
  }

  func isNull(_ index: Int) -> Bool { nodes[index].kind == .null }
}
