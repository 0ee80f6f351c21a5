/// The encoder of the value at one place.
struct JSONValueEncoder: Encoder, SingleValueEncodingContainer {
  let output: JSONOutput
  let depth: Int

  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy: Key.Type) -> KeyedEncodingContainer<Key> {
    output.beginObject(at: depth)
    return KeyedEncodingContainer(JSONObjectWriter(output: output, depth: depth))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    output.beginArray(at: depth)
    return JSONArrayWriter(output: output, depth: depth)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { self }

  private func write(_ value: () throws -> Void) rethrows {
    try value()
    output.finish(at: depth)
  }

  func encodeNil() { write { output.null() } }
  func encode(_ value: Bool) { write { output.bool(value) } }
  func encode(_ value: String) { write { output.text(value) } }
  func encode(_ value: Double) throws { try write { try output.double(value) } }
  func encode(_ value: Float) throws { try write { try output.double(Double(value)) } }
  func encode(_ value: Int) { write { output.integer(value) } }
  func encode(_ value: Int8) { write { output.integer(value) } }
  func encode(_ value: Int16) { write { output.integer(value) } }
  func encode(_ value: Int32) { write { output.integer(value) } }
  func encode(_ value: Int64) { write { output.integer(value) } }
  func encode(_ value: UInt) { write { output.integer(value) } }
  func encode(_ value: UInt8) { write { output.integer(value) } }
  func encode(_ value: UInt16) { write { output.integer(value) } }
  func encode(_ value: UInt32) { write { output.integer(value) } }
  func encode(_ value: UInt64) { write { output.integer(value) } }
  func encode<Value: Encodable>(_ value: Value) throws { try write { try output.write(value) } }
}

/// Writes an object's members.
struct JSONObjectWriter<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let output: JSONOutput
  let depth: Int

  var codingPath: [any CodingKey] { [] }

  private func name(_ key: Key) { output.name(key.stringValue, at: depth) }

  func encodeNil(forKey key: Key) {
    name(key)
    output.null()
  }
  func encode(_ value: Bool, forKey key: Key) {
    name(key)
    output.bool(value)
  }
  func encode(_ value: String, forKey key: Key) {
    name(key)
    output.text(value)
  }
  func encode(_ value: Double, forKey key: Key) throws {
    name(key)
    try output.double(value)
  }
  func encode(_ value: Int, forKey key: Key) {
    name(key)
    output.integer(value)
  }
  func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
    name(key)
    try output.write(value)
  }

  func encodeIfPresent(_ value: Bool?, forKey key: Key) {
    if let value { encode(value, forKey: key) }
  }
  func encodeIfPresent(_ value: String?, forKey key: Key) {
    if let value { encode(value, forKey: key) }
  }
  func encodeIfPresent(_ value: Int?, forKey key: Key) {
    if let value { encode(value, forKey: key) }
  }
  func encodeIfPresent<Value: Encodable>(_ value: Value?, forKey key: Key) throws {
    if let value { try encode(value, forKey: key) }
  }

  // Rare ones go the general way.
  func encode(_ value: Float, forKey key: Key) throws { try encode(Double(value), forKey: key) }
  func encode(_ value: Int8, forKey key: Key) { encode(Int(value), forKey: key) }
  func encode(_ value: Int16, forKey key: Key) { encode(Int(value), forKey: key) }
  func encode(_ value: Int32, forKey key: Key) { encode(Int(value), forKey: key) }
  func encode(_ value: Int64, forKey key: Key) { encode(Int(value), forKey: key) }
  func encode(_ value: UInt8, forKey key: Key) { encode(Int(value), forKey: key) }
  func encode(_ value: UInt16, forKey key: Key) { encode(Int(value), forKey: key) }
  func encode(_ value: UInt32, forKey key: Key) { encode(Int(value), forKey: key) }
  func encode(_ value: UInt, forKey key: Key) { encode(UInt64(value), forKey: key) }
  func encode(_ value: UInt64, forKey key: Key) {
    name(key)
    output.integer(value)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    superEncoder(forKey: key).container(keyedBy: Nested.self)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    superEncoder(forKey: key).unkeyedContainer()
  }

  func superEncoder() -> any Encoder {
    output.name("super", at: depth)
    return JSONValueEncoder(output: output, depth: output.open())
  }

  func superEncoder(forKey key: Key) -> any Encoder {
    name(key)
    return JSONValueEncoder(output: output, depth: output.open())
  }
}

/// Writes an array's elements.
struct JSONArrayWriter: UnkeyedEncodingContainer {
  let output: JSONOutput
  let depth: Int

  var codingPath: [any CodingKey] { [] }
  var count: Int { output.count(at: depth) }

  func encodeNil() {
    output.element(at: depth)
    output.null()
  }

  func encode<Value: Encodable>(_ value: Value) throws {
    output.element(at: depth)
    try output.write(value)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy: Nested.Type
  ) -> KeyedEncodingContainer<Nested> {
    superEncoder().container(keyedBy: Nested.self)
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    superEncoder().unkeyedContainer()
  }

  func superEncoder() -> any Encoder {
    output.element(at: depth)
    return JSONValueEncoder(output: output, depth: output.open())
  }
}
