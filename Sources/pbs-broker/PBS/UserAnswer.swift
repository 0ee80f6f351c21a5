import Glibc

/// What this host says of a user's name.
enum UserAnswer: Sendable, Equatable {
  case known(PBSUser)
  /// There is no such user.
  case unknown
  /// It did not say, and why: its directory service is away, for example. No word about the user.
  case failed(String)
}

extension PBSUser {
  /// The longest entry that is read, octets.
  private static let longest = 1 << 20

  /// Asks this host's sources of users (nsswitch.conf). That may be a directory service, and take
  /// long: not on the event loop.
  static func lookUp(_ name: String) -> UserAnswer {
    var size = 4096
    while true {
      var entry = passwd()
      var found: UnsafeMutablePointer<passwd>?
      var text = [CChar](repeating: 0, count: size)
      let code = text.withUnsafeMutableBufferPointer {
        getpwnam_r(name, &entry, $0.baseAddress!, $0.count, &found)
      }
      if found != nil {
        // The entry's strings lie in `text`.
        return withExtendedLifetime(text) { .known(PBSUser(name: name, entry)) }
      }
      switch code {
      // getpwnam(3): "The given name or uid was not found."
      case 0, ENOENT, ESRCH, EBADF, EPERM: return .unknown
      case ERANGE where size < longest: size *= 4
      default: return .failed(String(cString: strerror(code)))
      }
    }
  }

  private init(name: String, _ entry: passwd) {
    self.init(
      name: name, uid: entry.pw_uid, home: String(cString: entry.pw_dir),
      shell: String(cString: entry.pw_shell))
  }
}
