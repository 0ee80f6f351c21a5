import CLinux
import Glibc
import Runtime

/// Whose jobs this process can submit.
struct SubmittingUsers: Sendable {
  /// PBS's name for us.
  var own: String
  /// The least user id of others.
  var leastUID: uid_t = 1000
  /// Why nobody else's jobs can be submitted; nil where they can.
  var obstacle: String?
  /// What this host says of others; nil where nobody asks it, and so nobody else is known.
  var directory: UserDirectory?

  /// Bits of ``connector_capabilities(_:)`` (linux/capability.h), by name.
  private static let needed: [(name: String, bit: Int)] = [
    ("CAP_SETUID", 7), ("CAP_SETGID", 6),
  ]
  /// To end the commands of others; a helper ends itself.
  private static let neededForCommands: [(name: String, bit: Int)] = needed + [("CAP_KILL", 5)]

  /// Why jobs cannot be this user's, as far as this host has said who that is.
  enum Obstacle: Sendable, Equatable {
    /// They never can, unless something changes.
    case closed(String)
    /// This host does not say who that is at the moment.
    case unclear(String)
  }

  /// Why jobs cannot be this user's; nil when they can.
  /// - Parameter answer: what this host says of the name; nil where it has not been asked yet.
  func obstacle(to name: String, _ answer: @autoclosure () -> UserAnswer?) -> Obstacle? {
    if name == own { return nil }
    if let obstacle { return .closed(obstacle) }
    switch answer() {
    case .known(let user):
      return isTooLow(user.uid)
        ? .closed("its user id \(user.uid) is below least-uid, \(leastUID)") : nil
    case .unknown: return .closed("there is no such user on this host")
    case .failed(let words): return .unclear("this host does not say who that is: \(words)")
    case nil: return .unclear("this host has not said yet who that is")
    }
  }

  /// The user of this name; nil for our own, and for no name.
  /// - Throws: ``PBSError/refused(_:)`` for one whose jobs cannot be submitted,
  ///   ``PBSError/unavailable(_:)`` while this host does not say.
  @EventLoop
  func other(_ name: String?) async throws(PBSError) -> PBSUser? {
    guard let name, name != own else { return nil }
    let answer = obstacle == nil ? await directory?.find(name) ?? .unknown : nil
    switch obstacle(to: name, answer) {
    case .closed(let words): throw PBSError(LibraryFailure(user: name, words))
    case .unclear(let words): throw .unavailable("PBS user \(name): \(words)")
    case nil: break
    }
    guard case .known(let user) = answer else { return nil }
    return user
  }

  /// Who is to delete or change a job: its owner where we can be him, else our own user.
  /// - Throws: ``PBSError/unavailable(_:)`` while this host does not say whether we can.
  @EventLoop
  func actor(for owner: String?) async throws(PBSError) -> PBSUser? {
    do throws(PBSError) {
      return try await other(owner)
    } catch {
      if case .unavailable = error { throw error }
      return nil
    }
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
