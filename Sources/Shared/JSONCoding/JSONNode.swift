/// One value of a JSON text, or one member's name, as a scan has found it.
struct JSONNode {
  enum Kind: UInt8 {
    case object, array, string
    /// A string in which something is escaped.
    case escapedString
    case integer
    /// A number with a fraction or an exponent.
    case decimal
    case yes, no, null
  }

  var kind: Kind
  /// The first octet: of a string behind its quote.
  var start: UInt32
  /// Behind the last octet: of a string its closing quote. Of a container, its number of elements.
  var end: UInt32
  /// The index of the node behind this value and all that is in it.
  var next: UInt32

  var count: Int { Int(end) }

  /// For errors.
  var name: String {
    switch kind {
    case .object: "a dictionary"
    case .array: "an array"
    case .string, .escapedString: "a string"
    case .integer, .decimal: "a number"
    case .yes, .no: "bool"
    case .null: "null"
    }
  }
}

/// Where a text is not JSON, and why.
struct JSONError: Error {
  var reason: String
  /// In octets.
  var offset: Int
}
