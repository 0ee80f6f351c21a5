/// Keeps a view that suddenly shrinks from ending running work: when many pods of jobs are missing
/// at once (another configuration, rights, a restored etcd, another cluster), their jobs are not
/// deleted until an administrator confirms it, or the pods come back.
struct AbsenceGuard: Sendable {
  /// The share of all pods with jobs, 0 to 1, and the number, that must both be exceeded.
  var share: Double
  var least: Int
  /// UIDs of the pods whose absence is not believed.
  private(set) var doubted: Set<String> = []
  /// UIDs of those whose absence an administrator has confirmed.
  private var confirmed: Set<String> = []

  init(share: Double, least: Int) {
    self.share = share
    self.least = least
  }

  /// Judges what is missing now.
  /// - Parameters:
  ///   - missing: UIDs of pods that have jobs, and that kube-watcher does not tell.
  ///   - total: pods that have jobs, those included.
  /// - Returns: whether doubt has begun, or has grown by ``least``: that is to be said.
  mutating func judge(_ missing: Set<String>, of total: Int) -> Bool {
    doubted.formIntersection(missing)
    confirmed.formIntersection(missing)
    let unconfirmed = missing.subtracting(confirmed)
    // They may be told one by one: those that follow are doubted with the first.
    guard unconfirmed.count >= least, Double(missing.count) > share * Double(total) else {
      return false
    }
    let before = doubted.count
    doubted = unconfirmed
    return before == 0 || doubted.count - before >= least
  }

  /// An administrator says that they are really gone.
  /// - Returns: the UIDs that were doubted.
  mutating func confirm() -> Set<String> {
    defer { doubted = [] }
    confirmed.formUnion(doubted)
    return doubted
  }
}
