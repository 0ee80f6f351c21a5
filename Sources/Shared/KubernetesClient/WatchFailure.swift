/// Why a watch was given up by us, with nothing wrong in the server's own words.
enum WatchFailure: Error, CustomStringConvertible {
  /// The server's history ends before what it has told us.
  case wentBack(from: ResourceVersion, to: ResourceVersion)
  /// The server ends watches as soon as they begin. (client-go's "very short watch".)
  case tooShort
  /// Something that cannot be read is gone: only a list can tell what.
  case unreadableGone(String)

  var description: String {
    switch self {
    case .wentBack(let from, let to):
      "resourceVersion \(to) is before \(from), which was told before: etcd has been restored"
        + " from a backup, or this is another cluster"
    case .tooShort: "the watch ended at once, without an event"
    case .unreadableGone(let name): "\(name), which cannot be read, is gone"
    }
  }
}

extension Error {
  /// Whether what is known after this failure of a watch cannot be built upon.
  var meansToListAgain: Bool {
    switch self {
    case let error as KubernetesError:
      error.isGone || error.message.contains("Too large resource version")
    case let failure as WatchFailure:
      if case .tooShort = failure { false } else { true }
    default: self is LineTooLong || self is DecodingError
    }
  }
}
