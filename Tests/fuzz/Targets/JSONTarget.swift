import FoundationEssentials

@testable import JSONCoding

/// JSON of any shape: read as Foundation reads it, or refused as it refuses it; written, and read as
/// the same by both.
func readJSON(_ octets: UnsafeRawBufferPointer) {
  let data = Data(octets)
  // Foundation takes UTF-16 and UTF-32 as well, which have zeros among the first octets or a mark
  // before them.
  guard String(validating: data, as: UTF8.self) != nil, !data.prefix(4).contains(0),
    !data.starts(with: [0xEF, 0xBB, 0xBF])
  else {
    _ = try? JSONDocument.decode(JSONSample.self, from: data)
    return
  }
  let theirs = try? JSONDecoder().decode(JSONSample.self, from: data)
  let ours = try? JSONDocument.decode(JSONSample.self, from: data)
  guard let ours else {
    // Foundation takes a comma behind the last element.
    precondition(theirs == nil || hasIdleComma(octets), "refused, though Foundation reads it")
    return
  }
  precondition(ours == theirs, "read as \(ours), not \(String(describing: theirs))")
  do {
    let written = try JSONOutput.encode(ours)
    let again = try JSONDocument.decode(JSONSample.self, from: written)
    precondition(again == ours, "written and read again, \(ours) is \(again)")
    let byFoundation = try JSONDecoder().decode(JSONSample.self, from: written)
    precondition(byFoundation == ours, "read by Foundation, \(ours) is \(byFoundation)")
  } catch {
    preconditionFailure("\(ours) cannot be written and read again: \(error)")
  }
}

/// Whether a bracket or a brace closes behind a comma.
private func hasIdleComma(_ octets: UnsafeRawBufferPointer) -> Bool {
  let dense = octets.filter { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
  return zip(dense, dense.dropFirst()).contains {
    $0 == UInt8(ascii: ",") && [UInt8(ascii: "]"), UInt8(ascii: "}")].contains($1)
  }
}

/// Any JSON value.
private enum JSONSample: Codable, Equatable {
  case null
  case bool(Bool)
  case number(Double)
  case text(String)
  case array([JSONSample])
  case object([String: JSONSample])

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let bool = try? value.decode(Bool.self) {
      self = .bool(bool)
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let array = try? value.decode([JSONSample].self) {
      self = .array(array)
    } else {
      self = .object(try value.decode([String: JSONSample].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .null: try value.encodeNil()
    case .bool(let bool): try value.encode(bool)
    case .number(let number): try value.encode(number)
    case .text(let text): try value.encode(text)
    case .array(let array): try value.encode(array)
    case .object(let object): try value.encode(object)
    }
  }
}
