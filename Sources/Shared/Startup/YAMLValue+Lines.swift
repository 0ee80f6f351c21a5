import CLibyaml

extension YAMLValue {
  /// In which line each key of a text's first document stands, the last of several: by the key, and
  /// those above it with dots between them ("pbs-broker.limits.cpu"). Empty for a text that is not
  /// YAML.
  public static func lines(of text: String) -> [String: Int] {
    var parser = yaml_parser_t()
    guard yaml_parser_initialize(&parser) == 1 else { return [:] }
    defer { yaml_parser_delete(&parser) }
    var lines: [String: Int] = [:]
    let octets = Array(text.utf8)
    octets.withUnsafeBufferPointer { buffer in
      yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
      var document = yaml_document_t()
      guard yaml_parser_load(&parser, &document) == 1 else { return }
      defer { yaml_document_delete(&document) }
      guard let root = yaml_document_get_root_node(&document) else { return }
      enter(root, "", &document, depth: 0, &lines)
    }
    return lines
  }

  private static func enter(
    _ node: UnsafeMutablePointer<yaml_node_t>, _ above: String, _ document: inout yaml_document_t,
    depth: Int, _ lines: inout [String: Int]
  ) {
    guard depth < 64, node.pointee.type == YAML_MAPPING_NODE else { return }
    let pairs = node.pointee.data.mapping.pairs
    var pair = pairs.start
    while let current = pair, current != pairs.top {
      pair = current + 1
      guard let key = yaml_document_get_node(&document, current.pointee.key),
        key.pointee.type == YAML_SCALAR_NODE
      else { continue }
      let scalar = key.pointee.data.scalar
      let name =
        above
        + String(
          decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      lines[name] = Int(key.pointee.start_mark.line) + 1
      if let value = yaml_document_get_node(&document, current.pointee.value) {
        enter(value, name + ".", &document, depth: depth + 1, &lines)
      }
    }
  }
}
