import CLibyaml
import FoundationEssentials

/// A YAML document (JSON is a part of YAML) as plain values, read with libyaml.
public indirect enum YAMLValue: Sendable, Equatable {
  case null
  /// `isPlain`: written without quotes, so that it may stand for a number, true or false.
  case scalar(String, isPlain: Bool = false)
  case sequence([YAMLValue])
  case mapping([(key: String, value: YAMLValue)])

  public static func == (a: YAMLValue, b: YAMLValue) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.scalar(let x, _), .scalar(let y, _)): x == y
    case (.sequence(let x), .sequence(let y)): x == y
    case (.mapping(let x), .mapping(let y)):
      x.count == y.count && zip(x, y).allSatisfy { $0.key == $1.key && $0.value == $1.value }
    default: false
    }
  }

  /// Reads the first document of a text.
  /// - Throws: ``YAMLError`` with the line. Aliases stand for what they name, and `<<` merges a
  ///   mapping into another one (YAML 1.1, as kubectl reads it); what a small text would make endless
  ///   by them is refused.
  public init(parsing text: String) throws(YAMLError) {
    self = try Self.documents(parsing: text, most: 1).first ?? .null
  }

  /// Reads the documents of a text, empty ones left out.
  /// - Parameter most: after so many no more are read.
  /// - Throws: as ``init(parsing:)``.
  public static func documents(
    parsing text: String, most: Int = .max
  ) throws(YAMLError) -> [YAMLValue] {
    var parser = yaml_parser_t()
    guard yaml_parser_initialize(&parser) == 1 else {
      throw YAMLError(line: 0, problem: "out of memory")
    }
    defer { yaml_parser_delete(&parser) }
    let bytes = Array(text.utf8)
    var result: Result<[YAMLValue], YAMLError> = .success([])
    bytes.withUnsafeBufferPointer { buffer in
      yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
      do throws(YAMLError) {
        var documents: [YAMLValue] = []
        while documents.count < most, let document = try next(&parser) {
          if document != .null || most == 1 { documents.append(document) }
        }
        result = .success(documents)
      } catch {
        result = .failure(error)
      }
    }
    return try result.get()
  }

  /// The next document; nil at the end of the text.
  private static func next(_ parser: inout yaml_parser_t) throws(YAMLError) -> YAMLValue? {
    var document = yaml_document_t()
    guard yaml_parser_load(&parser, &document) == 1 else {
      let problem = parser.problem.map { String(cString: $0) } ?? "not YAML"
      throw YAMLError(line: Int(parser.problem_mark.line) + 1, problem: problem)
    }
    defer { yaml_document_delete(&document) }
    guard let root = yaml_document_get_root_node(&document) else { return nil }
    var values = Values()
    return try value(of: root, in: &document, depth: 0, &values).value
  }

  /// How many values a document may have, those that aliases repeat counted each time.
  static let mostValues = 200_000

  /// Values of the nodes of a document. Aliases make a graph of the tree.
  private struct Values {
    typealias Node = UnsafeMutablePointer<yaml_node_t>

    /// A value, and how many there are in it.
    var known: [Node: (value: YAMLValue, count: Int)] = [:]
    var begun: Set<Node> = []
  }

  private static func value(
    of node: Values.Node, in document: inout yaml_document_t, depth: Int, _ values: inout Values
  ) throws(YAMLError) -> (value: YAMLValue, count: Int) {
    let line = Int(node.pointee.start_mark.line) + 1
    if let known = values.known[node] { return known }
    guard depth < 64 else { throw YAMLError(line: line, problem: "nested too deeply") }
    guard values.begun.insert(node).inserted else {
      throw YAMLError(line: line, problem: "an alias names what it is a part of")
    }
    var count = 1
    let value = try read(node, line, in: &document) { (index, document) throws(YAMLError) in
      guard let child = yaml_document_get_node(&document, index) else { return .null }
      let (value, inside) = try Self.value(of: child, in: &document, depth: depth + 1, &values)
      count += inside
      guard count <= mostValues else {
        throw YAMLError(line: line, problem: "aliases make more than \(mostValues) values of it")
      }
      return value
    }
    values.known[node] = (value, count)
    return (value, count)
  }

  /// A node as a value; `child` gives that of the node with an index.
  private static func read(
    _ node: Values.Node, _ line: Int, in document: inout yaml_document_t,
    child: (Int32, inout yaml_document_t) throws(YAMLError) -> YAMLValue
  ) throws(YAMLError) -> YAMLValue {
    switch node.pointee.type {
    case YAML_SCALAR_NODE:
      let scalar = node.pointee.data.scalar
      let text = String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
      return isPlain && ["", "~", "null", "Null", "NULL"].contains(text)
        ? .null : .scalar(text, isPlain: isPlain)
    case YAML_SEQUENCE_NODE:
      let items = node.pointee.data.sequence.items
      var values: [YAMLValue] = []
      var item = items.start
      while let current = item, current != items.top {
        values.append(try child(current.pointee, &document))
        item = current + 1
      }
      return .sequence(values)
    case YAML_MAPPING_NODE:
      let pairs = node.pointee.data.mapping.pairs
      var values: [(key: String, value: YAMLValue)] = []
      var merged: [YAMLValue] = []
      var pair = pairs.start
      while let current = pair, current != pairs.top {
        guard case .scalar(let key, let isPlain) = try child(current.pointee.key, &document) else {
          throw YAMLError(line: line, problem: "a key is not a text")
        }
        let value = try child(current.pointee.value, &document)
        if key == "<<", isPlain { merged.append(value) } else { values.append((key, value)) }
        pair = current + 1
      }
      return .mapping(values + (try Self.merged(merged, into: values, line)))
    default:
      throw YAMLError(line: line, problem: "neither text, list nor mapping")
    }
  }

  /// What `<<` adds to a mapping: what it has itself stands, then what is named first.
  private static func merged(
    _ sources: [YAMLValue], into own: [(key: String, value: YAMLValue)], _ line: Int
  ) throws(YAMLError) -> [(key: String, value: YAMLValue)] {
    if sources.isEmpty { return [] }
    var keys = Set(own.map(\.key))
    var added: [(key: String, value: YAMLValue)] = []
    for source in sources.flatMap({ $0.items ?? [$0] }) {
      guard case .mapping(let pairs) = source else {
        throw YAMLError(line: line, problem: "<< merges mappings only")
      }
      for pair in pairs where keys.insert(pair.key).inserted { added.append(pair) }
    }
    return added
  }

  /// A mapping's value by key; nil when this is no mapping or has no such key.
  public subscript(key: String) -> YAMLValue? {
    guard case .mapping(let pairs) = self else { return nil }
    return pairs.last { $0.key == key }?.value
  }

  /// The text of a scalar.
  public var text: String? {
    guard case .scalar(let text, _) = self else { return nil }
    return text
  }

  /// The items of a list.
  public var items: [YAMLValue]? {
    guard case .sequence(let items) = self else { return nil }
    return items
  }
}

/// A text that is not YAML.
public struct YAMLError: Error, CustomStringConvertible {
  /// Counted from 1; 0 when unknown.
  public let line: Int
  public let problem: String
  public var description: String { line > 0 ? "line \(line): \(problem)" : problem }
}
