import FoundationEssentials

/// Writes values as JSON, straight into octets: members stand in the order in which they are encoded.
/// Foundation's JSONEncoder makes a tree of dictionaries first.
///
/// What it writes, Foundation's JSONDecoder and ``JSONDocument`` read as what was encoded.
public final class JSONOutput {
  /// What has been written at a place in the text.
  private enum Place {
    /// Nothing yet.
    case empty
    case object(isEmpty: Bool)
    case array(count: Int)
    /// A whole value.
    case done
  }

  // Nothing here is reached while it is being changed; checking that took a third of the time.
  @exclusivity(unchecked) private var octets: [UInt8] = []
  /// The place that is written to, and all around it.
  @exclusivity(unchecked) private var places: [Place] = []

  private init() {
    octets.reserveCapacity(1024)
  }

  /// - Throws: `EncodingError` for a number that JSON has no form for.
  public static func encode(_ value: some Encodable) throws -> Data {
    let output = JSONOutput()
    try output.write(value)
    return Data(output.octets)
  }

  /// A string as it stands in JSON.
  public static func text(_ text: String) -> String {
    let output = JSONOutput()
    output.text(text)
    return String(decoding: output.octets, as: UTF8.self)
  }

  // MARK: Places

  /// How many elements the array at a depth has.
  func count(at depth: Int) -> Int {
    guard case .array(let count) = places[depth - 1] else { return 0 }
    return count
  }

  /// Closes what was opened within the place at this depth.
  private func close(to depth: Int) {
    precondition(depth <= places.count, "a container is written to after its end")
    while places.count > depth { closeLast() }
  }

  private func closeLast() {
    switch places.removeLast() {
    case .empty: octets.append(contentsOf: "{}".utf8)
    case .object: octets.append(UInt8(ascii: "}"))
    case .array: octets.append(UInt8(ascii: "]"))
    case .done: break
    }
  }

  /// Opens a place for a value.
  /// - Returns: its depth.
  func open() -> Int {
    places.append(.empty)
    return places.count
  }

  /// Makes an object of the place at this depth, unless it is one.
  func beginObject(at depth: Int) {
    guard case .empty = places[depth - 1] else { return }
    places[depth - 1] = .object(isEmpty: true)
    octets.append(UInt8(ascii: "{"))
  }

  /// Makes an array of the place at this depth, unless it is one.
  func beginArray(at depth: Int) {
    guard case .empty = places[depth - 1] else { return }
    places[depth - 1] = .array(count: 0)
    octets.append(UInt8(ascii: "["))
  }

  /// Begins a member of the object at this depth: its value comes next.
  func name(_ name: String, at depth: Int) {
    close(to: depth)
    if case .object(isEmpty: false) = places[depth - 1] { octets.append(UInt8(ascii: ",")) }
    places[depth - 1] = .object(isEmpty: false)
    text(name)
    octets.append(UInt8(ascii: ":"))
  }

  /// Begins an element of the array at this depth: its value comes next.
  func element(at depth: Int) {
    close(to: depth)
    let count = count(at: depth)
    if count > 0 { octets.append(UInt8(ascii: ",")) }
    places[depth - 1] = .array(count: count + 1)
  }

  /// The place at this depth has its value.
  func finish(at depth: Int) { places[depth - 1] = .done }

  // MARK: Values

  func write<Value: Encodable>(_ value: Value) throws {
    if Value.self == String.self, let text = value as? String { return self.text(text) }
    let depth = open()
    try value.encode(to: JSONValueEncoder(output: self, depth: depth))
    close(to: depth - 1)
  }

  func text(_ text: String) {
    var text = text
    octets.append(UInt8(ascii: "\""))
    text.withUTF8 { all in
      var start = 0
      for index in all.indices where JSONEscapes.isEscaped(all[index]) {
        octets.append(contentsOf: UnsafeBufferPointer(rebasing: all[start..<index]))
        JSONEscapes.append(all[index], to: &octets)
        start = index + 1
      }
      octets.append(contentsOf: UnsafeBufferPointer(rebasing: all[start...]))
    }
    octets.append(UInt8(ascii: "\""))
  }

  func null() { octets.append(contentsOf: "null".utf8) }
  func bool(_ value: Bool) { octets.append(contentsOf: (value ? "true" : "false").utf8) }
  func integer(_ value: some FixedWidthInteger) { octets.append(contentsOf: "\(value)".utf8) }

  func double(_ value: Double) throws {
    guard value.isFinite else {
      throw EncodingError.invalidValue(
        value, .init(codingPath: [], debugDescription: "JSON has no number \(value)"))
    }
    let text = "\(value)"
    octets.append(contentsOf: text.hasSuffix(".0") ? text.dropLast(2).utf8 : text[...].utf8)
  }
}
