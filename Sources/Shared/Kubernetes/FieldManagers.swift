/// What a pod's metadata.managedFields tell of its origin. Every create, update and patch leaves
/// an entry with the fields that it has set; a Binding leaves none, neither for spec.nodeName
/// nor for the annotations that it brings. (Kubernetes: "Server-Side Apply", field management.)
struct FieldManagers {
  /// Some manager owns spec.nodeName: the pod was created with it.
  private(set) var ownNodeName = false
  /// Some manager owns the annotation with the job's id.
  private(set) var ownJobID = false
  /// Somebody has changed its requests in place, by the subresource resize.
  private(set) var isResized = false

  /// - Parameter metadata: the pod's, as the API server sends it.
  /// - Returns: nil where there are no managedFields.
  init?(of metadata: any Decoder) throws {
    let metadata = try metadata.container(keyedBy: Field.self)
    let key: Field = "managedFields"
    guard metadata.contains(key), try !metadata.decodeNil(forKey: key) else { return nil }
    var entries = try metadata.nestedUnkeyedContainer(forKey: key)
    while !entries.isAtEnd {
      let entry = try entries.nestedContainer(keyedBy: Field.self)
      if try entry.decodeIfPresent(String.self, forKey: "subresource") == "resize" {
        isResized = true
      }
      guard let fields = try Self.part("fieldsV1", of: entry) else { continue }
      if let spec = try Self.part("f:spec", of: fields) {
        ownNodeName = ownNodeName || spec.contains("f:nodeName")
      }
      if let metadata = try Self.part("f:metadata", of: fields),
        let annotations = try Self.part("f:annotations", of: metadata)
      {
        ownJobID = ownJobID || annotations.contains("f:\(WellKnown.jobID)")
      }
    }
  }

  private static func part(
    _ key: Field, of whole: KeyedDecodingContainer<Field>
  ) throws -> KeyedDecodingContainer<Field>? {
    guard whole.contains(key), try !whole.decodeNil(forKey: key) else { return nil }
    return try whole.nestedContainer(keyedBy: Field.self, forKey: key)
  }

  private struct Field: CodingKey, ExpressibleByStringInterpolation {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init(stringLiteral: String) { stringValue = stringLiteral }
    init?(intValue: Int) { nil }
  }
}
