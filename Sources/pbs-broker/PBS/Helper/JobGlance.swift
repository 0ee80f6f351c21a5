/// What tells whether a job has changed, found in one walk over what libpbs tells of it.
struct JobGlance {
  /// When PBS changed a job last, in seconds.
  static let changeTime = "mtime"
  private static let mtime: StaticString = "mtime"

  /// A number that differs, all but certainly, when anything differs that the connector uses. Only
  /// good within this process.
  private(set) var fingerprint = 0
  /// PBS's second in which it changed last; nil where it does not say that.
  private(set) var changedAt: Int?
  /// It waits for its start.
  private(set) var waits = false

  init(_ job: PBSObjects.Item) {
    var hasher = Hasher()
    for attribute in job.attributes {
      if attribute.name.isSame(as: Self.mtime) {
        changedAt = Int(String(flat: attribute.value))
        continue
      }
      if attribute.name.isSame(as: JobField.estimated) {
        // It changes by seconds all the time, and where it is to run is not used.
        guard attribute.resource?.isSame(as: JobField.startTime) == true else { continue }
        hasher.combine(Int(String(flat: attribute.value)).map { $0 / 60 })
        continue
      }
      if attribute.name.isSame(as: JobField.jobState), let letter = attribute.value.first {
        waits = Job.State(rawValue: String(UnicodeScalar(letter)))?.waits ?? false
      }
      hasher.combine(bytes: attribute.name)
      if let resource = attribute.resource { hasher.combine(bytes: resource) }
      // Its length, too: what two texts say together must not be what two others do.
      hasher.combine(attribute.value.count)
      hasher.combine(bytes: attribute.value)
    }
    fingerprint = hasher.finalize()
  }
}
