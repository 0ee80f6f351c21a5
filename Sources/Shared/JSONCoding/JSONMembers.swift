/// The members of an object.
struct JSONMembers<Key: CodingKey>: KeyedDecodingContainerProtocol {
  /// From so many members on they are looked up in a dictionary: whoever sends us thousands must not
  /// have each of our questions cost a look at all of them.
  private static var most: Int { 32 }

  private let document: JSONDocument
  private let object: Int
  private let places: [String: Int]?

  init(_ document: JSONDocument, _ object: Int) {
    self.document = document
    self.object = object
    guard document.nodes[object].count > Self.most else {
      places = nil
      return
    }
    var places: [String: Int] = [:]
    places.reserveCapacity(document.nodes[object].count)
    document.forEachMember(of: object) { name, value in
      guard let text = try? document.string(at: name), places[text] == nil else { return }
      places[text] = value
    }
    self.places = places
  }

  private func find(_ key: Key) -> Int? {
    if let places { return places[key.stringValue] }
    return document.member(key.stringValue, of: object)
  }

  /// - Throws: `DecodingError.keyNotFound`.
  private func place(_ key: Key) throws -> Int {
    guard let index = find(key) else {
      throw DecodingError.keyNotFound(
        key,
        .init(
          codingPath: codingPath,
          debugDescription:
            "No value associated with key \(key) (\"\(key.stringValue)\")."))
    }
    return index
  }

  /// nil where there is no such member, or where it is null.
  private func present(_ key: Key) -> Int? {
    guard let index = find(key), !document.isNull(index) else { return nil }
    return index
  }

  var codingPath: [any CodingKey] { document.path(to: object) }

  var allKeys: [Key] {
    var keys: [Key] = []
    document.forEachMember(of: object) { name, _ in
      if let text = try? document.string(at: name), let key = Key(stringValue: text) {
        keys.append(key)
      }
    }
    return keys
  }

  func contains(_ key: Key) -> Bool { find(key) != nil }
  func decodeNil(forKey key: Key) throws -> Bool { document.isNull(try place(key)) }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    try decoder(try place(key)).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try decoder(try place(key)).unkeyedContainer()
  }

  func superDecoder() -> any Decoder { superDecoder(of: "super") }
  func superDecoder(forKey key: Key) -> any Decoder { superDecoder(of: key.stringValue) }

  private func superDecoder(of name: String) -> any Decoder {
    // The null behind all nodes stands for what is missing.
    decoder(document.member(name, of: object) ?? document.nodes.count - 1)
  }

  private func decoder(_ index: Int) -> JSONValueDecoder {
    JSONValueDecoder(document: document, index: index)
  }

  // MARK: Values

  func decode(_: Bool.Type, forKey key: Key) throws -> Bool {
    try document.bool(at: place(key))
  }
  func decode(_: String.Type, forKey key: Key) throws -> String {
    try document.string(at: place(key))
  }
  func decode(_: Double.Type, forKey key: Key) throws -> Double {
    try document.double(at: place(key))
  }
  func decode(_: Float.Type, forKey key: Key) throws -> Float {
    Float(try document.double(at: place(key)))
  }
  func decode(_ type: Int.Type, forKey key: Key) throws -> Int {
    try document.integer(type, at: place(key))
  }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 {
    try document.integer(type, at: place(key))
  }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 {
    try document.integer(type, at: place(key))
  }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 {
    try document.integer(type, at: place(key))
  }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 {
    try document.integer(type, at: place(key))
  }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt {
    try document.integer(type, at: place(key))
  }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 {
    try document.integer(type, at: place(key))
  }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 {
    try document.integer(type, at: place(key))
  }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 {
    try document.integer(type, at: place(key))
  }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 {
    try document.integer(type, at: place(key))
  }
  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try document.value(type, at: place(key))
  }

  // One look each; by the protocol's own ones it would be three.
  func decodeIfPresent(_: Bool.Type, forKey key: Key) throws -> Bool? {
    try present(key).map(document.bool(at:))
  }
  func decodeIfPresent(_: String.Type, forKey key: Key) throws -> String? {
    try present(key).map(document.string(at:))
  }
  func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? {
    try present(key).map { try document.integer(type, at: $0) }
  }
  func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
    try present(key).map { try document.value(type, at: $0) }
  }
}
