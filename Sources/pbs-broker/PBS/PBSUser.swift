import CLinux
import Glibc

/// A user of this host, and by the same name one of PBS.
struct PBSUser: Sendable, Equatable {
  var name: String
  var uid: uid_t
  var home: String
  var shell: String

  /// The user of this name; nil where there is none. It may have to ask a directory service.
  static func named(_ name: String) -> PBSUser? {
    guard let entry = getpwnam(name)?.pointee else { return nil }
    return PBSUser(
      name: name, uid: entry.pw_uid, home: String(cString: entry.pw_dir),
      shell: String(cString: entry.pw_shell))
  }

  /// What this user's commands get for an environment: that of a login, and what says where PBS is.
  /// - Parameter own: this process's.
  func environment(own: [String: String]) -> [String: String] {
    var environment = own.filter { $0.key.hasPrefix("PBS_") || $0.key == "LANG" }
    environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
    environment["HOME"] = home
    environment["SHELL"] = shell
    environment["USER"] = name
    environment["LOGNAME"] = name
    return environment
  }
}

/// Whose jobs this process can submit.
struct SubmittingUsers: Sendable, Equatable {
  /// PBS's name for us.
  var own: String
  /// The least user id of others.
  var leastUID: uid_t = 1000
  /// Why nobody else's jobs can be submitted; nil where they can.
  var obstacle: String?

  /// Bits of ``connector_capabilities(_:)`` (linux/capability.h), by name.
  private static let needed: [(name: String, bit: Int)] = [
    ("CAP_SETUID", 7), ("CAP_SETGID", 6),
  ]
  /// To end the commands of others; a helper ends itself.
  private static let neededForCommands: [(name: String, bit: Int)] = needed + [("CAP_KILL", 5)]

  /// Why jobs cannot be this user's; nil when they can.
  func obstacle(to name: String) -> String? {
    if name == own { return nil }
    if let obstacle { return obstacle }
    guard let user = PBSUser.named(name) else { return "there is no such user on this host" }
    return isTooLow(user.uid) ? "its user id \(user.uid) is below least-uid, \(leastUID)" : nil
  }

  /// The user of this name; nil for our own, and for no name.
  /// - Throws: ``PBSError/refused(_:)`` for one whose jobs cannot be submitted.
  func other(_ name: String?) throws(PBSError) -> PBSUser? {
    guard let name, name != own else { return nil }
    let words = obstacle(to: name)
    guard words == nil, let other = PBSUser.named(name) else {
      let words = words ?? "there is no such user on this host"
      throw PBSError(LibraryFailure(user: name, words))
    }
    return other
  }

  /// Whether no job may be that of this user id, whatever this process may do.
  func isTooLow(_ uid: uid_t) -> Bool { uid == 0 || uid < leastUID }

  /// What this process lacks to become other users; nil where it has all.
  /// - Parameter byCommands: whether it does so for PBS's commands.
  static func missingRight(byCommands: Bool) -> String? {
    if geteuid() == 0 { return nil }
    var effective: UInt64 = 0
    guard connector_capabilities(&effective) == 0 else { return "its capabilities are not known" }
    let missing = (byCommands ? neededForCommands : needed).filter {
      effective & (1 << UInt64($0.bit)) == 0
    }
    guard !missing.isEmpty else { return nil }
    return "it is not root and has no \(missing.map(\.name).joined(separator: ", "))"
  }
}
