extension Job {
  /// Reads exec_vnode: "(vn1:ncpus=2:mem=4kb+vn2:ncpus=1)+(vn3:ncpus=1)", what stands in one pair of
  /// parentheses being one chunk of the select, spread over vnodes.
  /// - Returns: an item for each vnode of each chunk; nil when the text is of another form.
  static func allocatedChunks(_ text: String) -> [AllocatedChunk]? {
    var chunks: [AllocatedChunk] = []
    guard text.first == "(", text.last == ")" else { return nil }
    for group in text.dropFirst().dropLast().split(
      separator: ")+(", omittingEmptySubsequences: false)
    {
      for part in group.split(separator: "+", omittingEmptySubsequences: false) {
        let fields = part.split(separator: ":", omittingEmptySubsequences: false)
        guard let vnode = fields.first, !vnode.isEmpty,
          !part.contains(where: { $0 == "(" || $0 == ")" })
        else { return nil }
        var resources: [String: String] = [:]
        for field in fields.dropFirst() {
          guard let equals = field.firstIndex(of: "="), equals != field.startIndex else {
            return nil
          }
          resources[String(field[..<equals])] = String(field[equals...].dropFirst())
        }
        chunks.append(AllocatedChunk(vnode: String(vnode), resources: resources))
      }
    }
    return chunks
  }
}
