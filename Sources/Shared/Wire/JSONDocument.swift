import FoundationEssentials

/// A JSON text that has been read once, from which its type is taken and then its message.
public struct JSONDocument {
  /// Foundation's decoder reads the whole text before it makes anything of it, and can be asked as
  /// often as is wanted.
  private struct Root: Decodable {
    let decoder: any Decoder

    init(from decoder: any Decoder) {
      self.decoder = decoder
    }
  }

  private enum Key: CodingKey { case type }

  /// The text.
  public let text: Data
  private let root: Root

  /// - Throws: `DecodingError` where the text is not JSON.
  public init(_ text: Data) throws {
    self.text = text
    root = try JSONDecoder().decode(Root.self, from: text)
  }

  /// The object's member `type`; nil where the text is no object, or the member no string.
  public var type: String? {
    try? root.decoder.container(keyedBy: Key.self).decode(String.self, forKey: .type)
  }

  /// Decodes the whole text.
  /// - Throws: `DecodingError` where it is another value.
  public func decode<Value: Decodable>(_: Value.Type) throws -> Value {
    try Value(from: root.decoder)
  }
}
