import Kubernetes

/// What the connector uses of a job, as octets: its id, then each ``JobField`` with its value, up to
/// a zero, and whether all of it could be read. A helper tells jobs like this, and what qstat prints
/// goes the same way, so that ``Job`` is read in one place.
struct FlatJob {
  /// The job's id.
  private(set) var id = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Every part of it could be read where it came from.
  private(set) var isWhole = false
  /// Resource_List, in PBS's order.
  private(set) var resources: [(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)] = []
  /// By field; the first of each.
  private var values = [UnsafeRawBufferPointer?](
    repeating: nil, count: Int(JobField.resource.rawValue))

  /// Reads the next job in the place of the one before. It is valid as long as the reader's octets.
  mutating func read(_ reader: inout FlatReader) throws(FlatError) {
    for index in values.indices { values[index] = nil }
    resources.removeAll(keepingCapacity: true)
    id = try reader.octets()
    while true {
      let number = try reader.octet()
      if number == 0 { break }
      guard let field = JobField(rawValue: number) else { throw .unknown(number) }
      if field == .resource {
        resources.append((try reader.octets(), try reader.octets()))
      } else {
        let value = try reader.octets()
        let index = Int(number)
        if values[index] == nil { values[index] = value }
      }
    }
    isWhole = try reader.octet() == 1
  }

  func octets(_ field: JobField) -> UnsafeRawBufferPointer? { values[Int(field.rawValue)] }

  func text(_ field: JobField) -> String? { octets(field).map { String(flat: $0) } }

  /// The first resource of that name.
  func resource(_ name: StaticString) -> String? {
    resources.first { $0.name.isSame(as: name) }.map { String(flat: $0.value) }
  }

  /// A number that may be missing; nil when the text is none, or beyond what there can be.
  func number(_ field: JobField) -> Int?? {
    guard let text = text(field) else { return .some(nil) }
    return Int(text).flatMap { abs($0) <= Int(Int32.max) ? .some($0) : nil }
  }
}

extension FlatWriter {
  // A job is its id, its attributes, and ``endJob(isWhole:)``.

  /// Adds what is used of an attribute: nothing of most.
  /// - Parameters:
  ///   - resource: the resource's name, of Resource_List and its like.
  ///   - waits: whether the job does: what it was asked for is not used of another.
  mutating func add(
    attribute: UnsafeRawBufferPointer, resource: UnsafeRawBufferPointer?,
    _ value: UnsafeRawBufferPointer, waits: Bool
  ) {
    guard let resource else {
      if let field = JobField.attributes.field(of: attribute) {
        if waits || !field.isOfWaiting { add(field, value) }
      } else if attribute.isSame(as: JobField.variableList) {
        addVariables(value)
      }
      return
    }
    if attribute.isSame(as: JobField.resourceList) {
      guard waits || JobField.isAlwaysUsed(resource: resource) else { return }
      add(octet: JobField.resource.rawValue)
      add(resource)
      add(value)
    } else if attribute.isSame(as: JobField.estimated),
      resource.isSame(as: JobField.startTime), waits
    {
      add(.estimatedStart, value)
    }
  }

  mutating func endJob(isWhole: Bool) {
    add(octet: 0)
    add(octet: isWhole ? 1 : 0)
  }

  private mutating func add(_ field: JobField, _ value: UnsafeRawBufferPointer) {
    add(octet: field.rawValue)
    add(value)
  }

  private mutating func addVariables(_ list: UnsafeRawBufferPointer) {
    VariableList.forEach(list) { name, value in
      guard let field = JobField.variables.field(of: name) else { return }
      add(field, value)
    }
  }
}

extension FlatWriter {
  /// Adds a job as qstat prints it.
  mutating func add(job object: PBSText.Object) {
    let waits = object.attributes["job_state"].flatMap(Job.State.init)?.waits ?? false
    add(object.name)
    for (name, value) in object.attributes {
      // "Resource_List.ncpus"
      let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
      withOctets(of: String(parts[0])) { writer, attribute in
        writer.withOctets(of: value) { writer, value in
          guard parts.count == 2 else {
            return writer.add(attribute: attribute, resource: nil, value, waits: waits)
          }
          writer.withOctets(of: String(parts[1])) { writer, resource in
            writer.add(attribute: attribute, resource: resource, value, waits: waits)
          }
        }
      }
    }
    endJob(isWhole: object.isWhole)
  }

  private mutating func withOctets(
    of text: String, _ write: (inout FlatWriter, UnsafeRawBufferPointer) -> Void
  ) {
    var text = text
    text.withUTF8 { write(&self, UnsafeRawBufferPointer($0)) }
  }
}
