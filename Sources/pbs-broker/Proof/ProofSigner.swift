import FoundationEssentials
import Glibc
import Logging
import Messages
import Runtime
import Startup

/// Signs submissions with the newest key of its file, which it reads again when that has changed.
@EventLoop
final class ProofSigner {
  /// Seconds for which a token counts. (docs/hooks.md: at most 3600.)
  static nonisolated let life = 300

  /// Who submits, as PBS's server will see it: "pbs-broker@pbsserver".
  let user: String
  private let host: String
  private let path: String
  private let clock: any Clock
  private let log: Logger
  private var keys: ProofKeys
  /// The state of the file that `keys` are of, or that could not be taken.
  private var state: ProofKeys.State?

  /// - Parameters:
  ///   - path: the file of the keys.
  ///   - user: PBS's name for us.
  ///   - host: this host as PBS's server names it; nil for its full name in the resolver.
  /// - Throws: ``StartupError`` when the file cannot be used.
  init(path: String, user: String, host: String?, clock: any Clock, log: Logger)
    throws(StartupError)
  {
    self.path = path
    self.clock = clock
    self.host = host ?? Self.hostName()
    self.user = "\(user)@\(self.host)"
    self.log = log
    state = ProofKeys.State.of(path)
    keys = try ProofKeys(path: path)
  }

  /// A token for one submission, from now on.
  /// - Parameter name: PBS's name for who submits; nil for our own user.
  /// - Throws: ``PBSError/refused(_:)`` for a pod that no token can name,
  ///   ``PBSError/unauthorized(_:)`` where the site's names are at fault.
  func token(
    for pod: PodReference, cluster: String, select: String, as name: String? = nil
  ) throws(PBSError) -> String {
    readAgain()
    let user = name.map { "\($0)@\(host)" } ?? user
    let token = ProofToken(
      cluster: cluster, uid: pod.uid, namespace: pod.namespace, name: pod.name, user: user,
      expiry: Int(clock.date.timeIntervalSince1970) + Self.life, nonce: Self.nonce())
    switch token.problem {
    case nil: return token.text(select: select, key: keys.current)
    case "uid", "namespace", "name":
      throw .refused("the pod's \(token.problem ?? "") cannot stand in a proof of submission")
    case let part?:
      throw .unauthorized(
        "\(part) \(part == "user" ? user : cluster) cannot stand in a proof of submission")
    }
  }

  private func readAgain() {
    let now = ProofKeys.State.of(path)
    guard now != state else { return }
    state = now
    do throws(StartupError) {
      let new = try ProofKeys(path: path)
      if new != keys { log.notice("\(path): submissions are signed with another key from now on") }
      keys = new
    } catch {
      log.error("\(error); submissions are signed with the former key")
    }
  }

  /// 128 random bits.
  private static func nonce() -> String {
    var generator = SystemRandomNumberGenerator()
    let octets = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
    return ProofToken.base64url(Data(octets))
  }

  /// The full name of this host in the resolver, where the server most probably finds it too; the
  /// kernel's where there is none.
  private static nonisolated func hostName() -> String {
    let own = Process.hostName()
    var hints = addrinfo()
    hints.ai_flags = AI_CANONNAME
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(own, nil, &hints, &found) == 0, let found else { return own }
    defer { freeaddrinfo(found) }
    return found.pointee.ai_canonname.map { String(cString: $0) } ?? own
  }
}
