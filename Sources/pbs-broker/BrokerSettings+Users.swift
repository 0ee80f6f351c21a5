import Glibc
import Startup

/// Whose jobs are submitted.
extension BrokerSettings {
  /// - Parameter byCommands: whether PBS's commands are used.
  /// - Throws: `StartupError` where our own user has no name.
  func submittingUsers(
    byCommands: Bool, _ directory: UserDirectory? = nil
  ) throws -> SubmittingUsers {
    var users = SubmittingUsers(
      own: try PBSInstallation.user(), leastUID: uid_t(clamping: leastUID), directory: directory)
    if reliance == .owner {
      users.obstacle = "all jobs are one user's with proof: owner"
    } else {
      users.obstacle = SubmittingUsers.missingRight(byCommands: byCommands)
    }
    return users
  }

  /// - Parameter answers: what this host says of the users whom the configuration names, as far as it
  ///   is known.
  /// - Throws: `StartupError` for a namespace whose jobs would be root's, or those of a user id below
  ///   the least; a user whom this host does not know is found when it matters.
  func checkUsers(_ settings: Settings, _ answers: [String: UserAnswer]) throws {
    let own = try? PBSInstallation.user()
    let least = SubmittingUsers(own: own ?? "", leastUID: uid_t(clamping: leastUID))
    for (name, key) in policy.userKeys {
      let uid: uid_t? = if case .known(let user) = answers[name] { user.uid } else { nil }
      let problem = { (words: String) in
        settings.problem(String(key.dropFirst(settings.key.count + 1)), words)
      }
      guard name != "root", uid != 0 else {
        throw problem("jobs of pods are never root's")
      }
      guard name != own, let uid, least.isTooLow(uid) else { continue }
      throw problem(
        "the id of user \(name), \(uid), is below \(settings.key).least-uid, \(leastUID)")
    }
  }
}
