/// The elements of an array, from the first to the last.
struct JSONElements: UnkeyedDecodingContainer {
  private let document: JSONDocument
  private let array: Int
  /// The next element's index.
  private var index: Int
  private(set) var currentIndex = 0

  init(_ document: JSONDocument, _ array: Int) {
    self.document = document
    self.array = array
    index = array + 1
  }

  var codingPath: [any CodingKey] { document.path(to: array) }
  var count: Int? { document.nodes[array].count }
  var isAtEnd: Bool { currentIndex == document.nodes[array].count }

  /// Takes the next element.
  private mutating func next<Value>(_ take: (Int) throws -> Value) throws -> Value {
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(
        Value.self,
        .init(
          codingPath: codingPath + [JSONKey(index: currentIndex)],
          debugDescription: "Unkeyed container is at end."))
    }
    let value = try take(index)
    index = Int(document.nodes[index].next)
    currentIndex += 1
    return value
  }

  mutating func decodeNil() throws -> Bool {
    guard !isAtEnd, document.isNull(index) else { return false }
    return try next { _ in true }
  }

  mutating func nestedContainer<Key: CodingKey>(
    keyedBy type: Key.Type
  ) throws -> KeyedDecodingContainer<Key> {
    try next { [document] in
      try JSONValueDecoder(document: document, index: $0).container(keyedBy: type)
    }
  }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try next { [document] in
      try JSONValueDecoder(document: document, index: $0).unkeyedContainer()
    }
  }

  mutating func superDecoder() throws -> any Decoder {
    try next { [document] in JSONValueDecoder(document: document, index: $0) }
  }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try next { [document] in try document.value(type, at: $0) }
  }
}
