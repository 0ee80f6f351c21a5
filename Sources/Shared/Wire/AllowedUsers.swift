import Glibc

/// The users whose processes may be at the other end of a socket: root, our own, and those that
/// the configuration names. Who they are is the kernel's word (SO_PEERCRED).
struct AllowedUsers {
  private let users: Set<uid_t>

  init(_ configured: [uid_t]) {
    users = Set(configured).union([0, geteuid()])
  }

  func contains(_ user: uid_t) -> Bool { users.contains(user) }
}
