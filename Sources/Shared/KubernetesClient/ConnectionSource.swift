import FoundationEssentials
import Logging
import Runtime
import Startup

/// A connection as its files have it now. client-go reads client certificates and authorities
/// again when they change on disk; here the kubeconfig itself is read again as well, so that a
/// rotation that rewrites data inside it is no different.
@EventLoop
final class ConnectionSource {
  private(set) var connection: KubernetesConnection
  private(set) var credentials: CredentialSource
  private let program: String
  private let clock: any Clock
  private let log: Logger
  private var lookedAt: Double
  /// Why the files could not be read, as far as it was logged.
  private var complaint: String?

  /// Seconds between looks at the files, while all is well, and after a refusal.
  private static let interval = 10.0
  private static let intervalInTrouble = 1.0

  init(_ connection: KubernetesConnection, program: String, clock: any Clock, log: Logger) {
    self.connection = connection
    self.program = program
    self.clock = clock
    lookedAt = clock.now
    self.log = log
    credentials = CredentialSource(connection, clock: clock, log: log)
  }

  /// Reads the files again when it is time to.
  /// - Parameter isRefused: the server, or TLS, has just refused what they held before.
  /// - Returns: whether they had changed.
  @discardableResult
  func refresh(isRefused: Bool = false) -> Bool {
    let wait = isRefused ? Self.intervalInTrouble : Self.interval
    guard clock.now - lookedAt >= wait else { return false }
    lookedAt = clock.now
    let new: KubernetesConnection
    do {
      guard let read = try connection.origin.read() else { return false }
      new = read
    } catch {
      // Perhaps it is being written: what was read before is used on.
      if "\(error)" != complaint { log.warning("cannot read the connection again: \(error)") }
      complaint = "\(error)"
      return false
    }
    if complaint != nil { log.notice("the connection's files can be read again") }
    complaint = nil
    guard new.files != connection.files else { return false }
    let changed = new.files.keys.filter { new.files[$0] != connection.files[$0] }.sorted()
    guard new.server == connection.server else {
      // What this process knows is another server's word, perhaps another cluster's.
      Process.fail(
        program,
        StartupError(
          "\(changed.joined(separator: ", ")): the server is now \(new.server) and was \(connection.server): ends, to be started anew"
        ))
    }
    log.notice(
      "\(changed.joined(separator: ", ")) changed: certificates and credentials read again")
    connection = new
    credentials = CredentialSource(new, clock: clock, log: log)
    return true
  }
}
