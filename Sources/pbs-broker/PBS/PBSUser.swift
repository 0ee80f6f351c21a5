import Glibc

/// A user of this host, and by the same name one of PBS.
struct PBSUser: Sendable, Equatable {
  var name: String
  var uid: uid_t
  var home: String
  var shell: String

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
