import CLinux
import FoundationEssentials
import Glibc
import Startup

/// Becoming another user, in a process that pbs-broker has started from its own program.
enum AsUser {
  /// The first argument of a pbs-broker that is to become a user and then run a program; the user,
  /// the least user id, the program and its arguments follow.
  static let argument = "as-user"

  /// The words for a person whom a command cannot be run as.
  static func words(_ user: String, _ code: Int32) -> String {
    switch code {
    case ENOENT: "there is no such user on this host"
    case EPERM: "that is not allowed"
    default: String(cString: strerror(code))
    }
  }

  /// Becomes that user for good.
  /// - Returns: why not, in words; nil when it is that user.
  static func become(_ user: String, leastUID: String) -> String? {
    guard let least = uid_t(leastUID) else { return "\(leastUID) is no user id" }
    connector_close_from(3)
    guard connector_become(user, least) != 0 else { return nil }
    return words(user, errno)
  }

  /// Runs a program as a user, where this process was started for that.
  static func runIfMeant(_ arguments: [String]) {
    guard arguments.count >= 5, arguments[1] == argument else { return }
    if let words = become(arguments[2], leastUID: arguments[3]) {
      StandardError.print("cannot act as PBS user \(arguments[2]): \(words)")
      exit(2)
    }
    let program = arguments[4]
    var vector: [UnsafeMutablePointer<CChar>?] = arguments[4...].map { strdup($0) }
    vector.append(nil)
    execv(program, &vector)
    StandardError.print("cannot run \(program): \(String(cString: strerror(errno)))")
    exit(127)
  }
}
