extension JSONDocument {
  /// A value of any type.
  /// - Throws: `DecodingError`, or what the type's own init throws.
  func value<Value: Decodable>(_ type: Value.Type, at index: Int) throws -> Value {
    // Maps are what pods have most of; a container for them would look up each of their names.
    if type == [String: String].self, let map = try strings(at: index) as? Value { return map }
    if type == String.self, let text = try string(at: index) as? Value { return text }
    return try Value(from: JSONValueDecoder(document: self, index: index))
  }

  private func strings(at index: Int) throws -> [String: String] {
    guard nodes[index].kind == .object else { throw mismatch([String: String].self, index) }
    var map: [String: String] = [:]
    map.reserveCapacity(nodes[index].count)
    try forEachMember(of: index) { name, value in
      let key = try string(at: name)
      if map[key] == nil { map[key] = try string(at: value) }
    }
    return map
  }

  // MARK: Errors

  /// How to reach a value from the whole text, found when an error has to tell it.
  func path(to target: Int) -> [any CodingKey] {
    var path: [any CodingKey] = []
    var current = 0
    while current != target, target < Int(nodes[0].next) {
      var found: (key: JSONKey, index: Int)?
      if nodes[current].kind == .object {
        forEachMember(of: current) { name, value in
          guard target > name, target < Int(nodes[value].next) else { return }
          found = (JSONKey(stringValue: (try? string(at: name)) ?? ""), value)
        }
      } else if nodes[current].kind == .array {
        var index = current + 1
        for number in 0..<nodes[current].count {
          if target >= index, target < Int(nodes[index].next) {
            found = (JSONKey(index: number), index)
          }
          index = Int(nodes[index].next)
        }
      }
      guard let found else { return path }
      path.append(found.key)
      current = found.index
    }
    return path
  }

  func corrupted(_ index: Int, _ words: String) -> DecodingError {
    .dataCorrupted(.init(codingPath: path(to: index), debugDescription: words))
  }

  func mismatch(_ type: any Any.Type, _ index: Int) -> DecodingError {
    guard !isNull(index) else {
      return .valueNotFound(
        type,
        .init(
          codingPath: path(to: index),
          debugDescription: "Cannot get value of type \(type) -- found null value instead"))
    }
    return .typeMismatch(
      type,
      .init(
        codingPath: path(to: index),
        debugDescription: "Expected to decode \(type) but found \(nodes[index].name) instead."))
  }
}

/// A place on the way to a value.
struct JSONKey: CodingKey {
  let stringValue: String
  let intValue: Int?

  init(stringValue: String) {
    self.stringValue = stringValue
    intValue = nil
  }

  init(index: Int) {
    stringValue = "Index \(index)"
    intValue = index
  }

  init(intValue: Int) { self.init(index: intValue) }
}

/// The decoder of one value.
struct JSONValueDecoder: Decoder, SingleValueDecodingContainer {
  let document: JSONDocument
  let index: Int

  var codingPath: [any CodingKey] { document.path(to: index) }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard document.nodes[index].kind == .object else {
      throw document.mismatch([String: Any].self, index)
    }
    return KeyedDecodingContainer(JSONMembers(document, index))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard document.nodes[index].kind == .array else {
      throw document.mismatch([Any].self, index)
    }
    return JSONElements(document, index)
  }

  func singleValueContainer() -> any SingleValueDecodingContainer { self }

  func decodeNil() -> Bool { document.isNull(index) }
  func decode(_: Bool.Type) throws -> Bool { try document.bool(at: index) }
  func decode(_: String.Type) throws -> String { try document.string(at: index) }
  func decode(_: Double.Type) throws -> Double { try document.double(at: index) }
  func decode(_: Float.Type) throws -> Float { Float(try document.double(at: index)) }
  func decode(_ type: Int.Type) throws -> Int { try document.integer(type, at: index) }
  func decode(_ type: Int8.Type) throws -> Int8 { try document.integer(type, at: index) }
  func decode(_ type: Int16.Type) throws -> Int16 { try document.integer(type, at: index) }
  func decode(_ type: Int32.Type) throws -> Int32 { try document.integer(type, at: index) }
  func decode(_ type: Int64.Type) throws -> Int64 { try document.integer(type, at: index) }
  func decode(_ type: UInt.Type) throws -> UInt { try document.integer(type, at: index) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try document.integer(type, at: index) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try document.integer(type, at: index) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try document.integer(type, at: index) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try document.integer(type, at: index) }
  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try document.value(type, at: index)
  }
}
