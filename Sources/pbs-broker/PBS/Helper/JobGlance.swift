import Glibc

/// What tells whether a job has changed, found in one walk over what libpbs tells of it.
struct JobGlance {
  /// When PBS changed a job last, in seconds.
  static let changeTime = "mtime"
  /// The attributes that ``brief`` is made of.
  static let briefly = ["job_state", "substate", "run_count", changeTime]
  private static let substate: StaticString = "substate"
  private static let runCount: StaticString = "run_count"
  private static let mtime: StaticString = "mtime"

  /// What PBS changes of a job whenever it changes anything: its server sets mtime with each save
  /// (OpenPBS, job_save_db), and within one second there is the rest.
  struct Brief: Equatable {
    var state: UInt8?
    var substate: Int?
    var runCount: Int?
    /// PBS's second in which it changed last; nil where it does not say that.
    var changedAt: Int?
  }

  private(set) var brief = Brief()
  /// A number that differs, all but certainly, when anything differs that the connector uses. Only
  /// good within this process.
  private(set) var fingerprint = 0

  /// It waits for its start.
  var waits: Bool {
    brief.state.flatMap { Job.State(rawValue: String(UnicodeScalar($0))) }?.waits ?? false
  }

  init(_ job: PBSObjects.Item) {
    var hasher = Hasher()
    for attribute in job.attributes {
      if attribute.name.isSame(as: Self.mtime) {
        brief.changedAt = Self.number(attribute)
        continue
      }
      if attribute.name.isSame(as: JobField.estimated) {
        // It changes by seconds all the time, and where it is to run is not used.
        guard attribute.resource?.isSame(as: JobField.startTime) == true else { continue }
        if let seconds = Self.number(attribute) {
          hasher.combine(seconds / 60)
          continue
        }
      }
      if attribute.name.isSame(as: JobField.jobState) {
        brief.state = attribute.value.first
      } else if attribute.name.isSame(as: Self.substate) {
        brief.substate = Self.number(attribute)
      } else if attribute.name.isSame(as: Self.runCount) {
        brief.runCount = Self.number(attribute)
      }
      hasher.combine(bytes: attribute.name)
      if let resource = attribute.resource { hasher.combine(bytes: resource) }
      // Its length, too: what two texts say together must not be what two others do.
      hasher.combine(attribute.value.count)
      hasher.combine(bytes: attribute.value)
    }
    fingerprint = hasher.finalize()
  }

  private static func number(_ attribute: PBSObjects.Attribute) -> Int? {
    Int(String(flat: attribute.value))
  }
}
