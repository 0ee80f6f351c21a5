extension PBSError {
  /// The same without a token of ours, wherever PBS repeats it.
  func hiding(_ token: String?) -> PBSError {
    guard let token, description.contains(token) else { return self }
    let words = description.split(separator: token, omittingEmptySubsequences: false)
      .joined(separator: "...")
    return switch self {
    case .unavailable: .unavailable(words)
    case .busy: .busy(words)
    case .limit: .limit(words)
    case .refused: .refused(words)
    case .unauthorized: .unauthorized(words)
    }
  }

  /// The same of a job on terms of its own: a queue that does not exist or is closed to us, or a user
  /// who may not, says nothing about other jobs. A limit of all jobs does, and so does a proof that
  /// is not accepted.
  var aboutOneJob: PBSError {
    switch self {
    case .limit(let words) where LimitScope.isOfQueue(words): .refused(words)
    case .unauthorized(let words) where !PBSAnswer.isOfProof(words): .refused(words)
    case .refused, .unavailable, .busy, .limit, .unauthorized: self
    }
  }
}
