/// What PBS tells of what a job asks for, packed into one text: each of many jobs that wait has one,
/// and it is looked at when a pod has changed.
struct ToldTerms: Sendable, Equatable {
  /// Names and values, each with a zero behind it, which no value of PBS's has.
  private let text: String

  init(_ job: FlatJob) {
    var octets: [UInt8] = []
    func add(_ name: String, _ value: UnsafeRawBufferPointer) {
      octets.append(contentsOf: name.utf8)
      octets.append(0)
      octets.append(contentsOf: value)
      octets.append(0)
    }
    for (field, name) in Self.fields {
      if let value = job.octets(field) { add(name, value) }
    }
    for (name, value) in job.resources {
      octets.append(contentsOf: JobTerms.resourcePrefix.utf8)
      add(String(flat: name), value)
    }
    text = String(decoding: octets, as: UTF8.self)
  }

  init(_ terms: JobTerms) {
    text = terms.values.sorted { $0.key < $1.key }.map { "\($0.key)\0\($0.value)\0" }.joined()
  }

  var terms: JobTerms {
    var values: [String: String] = [:]
    var parts = text.utf8.split(separator: 0, omittingEmptySubsequences: false)[...]
    while let name = parts.popFirst(), let value = parts.popFirst() {
      let name = String(Substring(name))
      if values[name] == nil { values[name] = String(Substring(value)) }
    }
    // "n" is no hold; other kinds are not the pod's.
    values[JobTerms.hold] = values[JobTerms.hold].flatMap { $0.contains("u") ? "u" : nil }
    return JobTerms(values: values)
  }

  private static let fields: [(JobField, String)] = [
    (.name, JobTerms.name), (.queue, JobTerms.queue), (.project, JobTerms.project),
    (.account, JobTerms.account), (.group, JobTerms.group), (.priority, JobTerms.priority),
    (.holdTypes, JobTerms.hold),
  ]
}
