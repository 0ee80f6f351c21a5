/// The jobs that are known, by id, and what is asked of all of them again and again, kept as they
/// change: of many jobs no look may cost more than of few.
struct JobBook: Sendable {
  private(set) var records: [String: JobRecord] = [:]
  /// Those about to start, and since when; monotonic seconds.
  private(set) var starting: [String: Double] = [:]
  /// Those that a pod may be bound to.
  private(set) var onHosts: Set<String> = []
  /// How many wait for their start.
  private(set) var waiting = 0

  var isEmpty: Bool { records.isEmpty }
  var count: Int { records.count }
  var keys: Dictionary<String, JobRecord>.Keys { records.keys }
  var values: Dictionary<String, JobRecord>.Values { records.values }

  func contains(_ id: String) -> Bool { records.index(forKey: id) != nil }

  subscript(id: String) -> JobRecord? {
    get { records[id] }
    set {
      guard let newValue else {
        remove(id)
        return
      }
      let old = records.updateValue(newValue, forKey: id)
      waiting += (newValue.job.isWaiting ? 1 : 0) - (old?.job.isWaiting == true ? 1 : 0)
      if let since = newValue.startingSince {
        starting[id] = since
      } else if old?.startingSince != nil {
        starting[id] = nil
      }
      if newValue.isOnHost {
        if old?.isOnHost != true { onHosts.insert(id) }
      } else if old?.isOnHost == true {
        onHosts.remove(id)
      }
    }
  }

  @discardableResult
  mutating func remove(_ id: String) -> JobRecord? {
    guard let old = records.removeValue(forKey: id) else { return nil }
    if old.job.isWaiting { waiting -= 1 }
    starting[id] = nil
    onHosts.remove(id)
    return old
  }
}
