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

  /// The same of a job on terms of its own: a queue that does not exist, is full or is closed to us
  /// says nothing about other jobs.
  var aboutOneJob: PBSError {
    switch self {
    case .limit(let words), .unauthorized(let words): .refused(words)
    case .refused, .unavailable, .busy: self
    }
  }
}
