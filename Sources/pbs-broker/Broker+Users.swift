import Logging
import Runtime

/// Users of PBS whose jobs namespaces' are to be: they come, go, and are unknown while a directory
/// service is away.
extension Broker {
  /// From now on what this host says of users counts.
  func follow(_ directory: UserDirectory) {
    directory.onChange = { [unowned self] _ in
      let before = (settings.policy.closedUsers, settings.policy.unclearUsers)
      sayUsers(unless: before)
      guard before != (settings.policy.closedUsers, settings.policy.unclearUsers) else { return }
      compareAll()
    }
    watchUsers()
  }

  /// Users whom the configuration names are asked for while they are not known.
  func watchUsers() {
    guard backend.users.obstacle == nil else { return }
    let names = Set(settings.policy.namespacesByUser.keys).subtracting([backend.user])
    backend.users.directory?.watch(names)
  }

  /// Enters what is known of users, and says it.
  /// - Parameter before: what was known; nothing is said where that is so still.
  func sayUsers(unless before: ([String: String], [String: String])? = nil) {
    let directory = backend.users.directory
    let words = settings.policy.close(backend.users) { directory?.answer(for: $0) }
    if let before, before == (settings.policy.closedUsers, settings.policy.unclearUsers) { return }
    if let notice = words.notice { log.notice("\(notice)") }
    if let warning = words.warning { log.warning("\(warning)") }
  }
}
