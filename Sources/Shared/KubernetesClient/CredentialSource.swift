import FoundationEssentials
import HTTP
import Logging
import Runtime
import Startup
import Text

/// Who we are, for each request, renewed when its source changes.
@EventLoop
final class CredentialSource {
  /// What one request carries to say who we are.
  struct Identity: Sendable, Equatable {
    /// The Authorization header's value.
    var authorization: String?
    /// PEM client certificate and key, where a plugin gives them.
    var certificate: Data?
    var key: Data?
  }

  private let credential: KubernetesConnection.Credential
  private let clock: any Clock
  private let log: Logger
  private var token: String?
  private var tokenFileChecked = 0.0
  private var complaint: String?
  private var answer: KubernetesConnection.CredentialPlugin.Answer?
  private var pluginRun: Task<Void, any Error>?
  /// The plugin is not run again before this moment, monotonic, after a run that did not help.
  private var pluginRests = 0.0
  private var pluginFailure: (any Error)?
  private var backoff: Backoff

  /// Seconds between looks at a token file: client-go's own interval is a minute, but a
  /// look every few seconds is cheap.
  private static let tokenFileInterval = 10.0

  init(_ connection: KubernetesConnection, clock: any Clock, log: Logger) {
    self.clock = clock
    backoff = Backoff(first: 1, longest: 60, jitter: clock.jitter())
    credential = connection.credential
    self.log = log
  }

  /// Whether another credential may turn up while the kubeconfig stays as it is.
  var canChange: Bool {
    switch credential {
    case .tokenFile, .plugin: true
    case .none, .token, .basic: false
    }
  }

  /// The server has refused an identity: unless there is another one by now, ask the source again.
  func invalidate(_ refused: Identity) {
    switch credential {
    case .tokenFile:
      if token.map({ "Bearer \($0)" }) == refused.authorization { tokenFileChecked = 0 }
    case .plugin:
      guard let answer, identity(answer) == refused, clock.now >= pluginRests else { return }
      self.answer = nil
      // A plugin whose new credential is refused as well is not asked at each request.
      pluginRests = clock.now + backoff.delay()
    case .none, .token, .basic: break
    }
  }

  /// The server has taken a credential.
  func accepted() {
    if pluginFailure == nil { backoff.reset() }
  }

  /// Who we are now.
  /// - Parameter seconds: how long a plugin may take.
  /// - Throws: ``HTTPError`` of kind credential.
  func identity(within seconds: Double) async throws -> Identity {
    switch credential {
    case .none:
      return Identity()
    case .token(let token):
      return Identity(authorization: "Bearer \(token)")
    case .basic(let user, let password):
      return Identity(
        authorization: "Basic " + Data("\(user):\(password)".utf8).base64EncodedString())
    case .tokenFile(let path, let fallback):
      return Identity(authorization: "Bearer \(try readToken(path, fallback))")
    case .plugin(let plugin):
      return try await identity(plugin, within: seconds)
    }
  }

  // MARK: Token file

  private func readToken(_ path: String, _ fallback: String?) throws -> String {
    if let token, clock.now - tokenFileChecked <= Self.tokenFileInterval { return token }
    do {
      let text = String(decoding: try readFile(path, "token file"), as: UTF8.self)
      let read = text.trimmingWhitespace()
      guard !read.isEmpty else { throw StartupError("token file: \(path): is empty") }
      token = read
      tokenFileChecked = clock.now
      complaint = nil
      return read
    } catch {
      // As in client-go: the last token that could be read, else the one beside the file.
      guard let known = token ?? fallback else {
        throw HTTPError(.credential, reason: "\(error)")
      }
      token = known
      tokenFileChecked = clock.now
      if "\(error)" != complaint { log.warning("\(error): the token that was read last is used") }
      complaint = "\(error)"
      return known
    }
  }

  // MARK: Plugin

  private func identity(
    _ plugin: KubernetesConnection.CredentialPlugin, within seconds: Double
  ) async throws -> Identity {
    // A little early, so that no request carries what expires under way.
    if let answer, answer.expires.map({ clock.date < $0.addingTimeInterval(-10) }) ?? true {
      return identity(answer)
    }
    if let pluginFailure, clock.now < pluginRests { throw pluginFailure }
    let run = pluginRun ?? Task { @EventLoop in try await self.run(plugin) }
    pluginRun = run
    let slow = HTTPError(
      .credential,
      reason:
        "credential plugin \(plugin.command) gave nothing within \(String(rounded: seconds)) s")
    try await value(of: run, within: seconds, orThrow: slow)
    guard let answer else { throw HTTPError(.credential, reason: "the credential was refused") }
    return identity(answer)
  }

  private func run(_ plugin: KubernetesConnection.CredentialPlugin) async throws {
    defer { pluginRun = nil }
    do {
      answer = try await plugin.run(clock: clock)
      pluginFailure = nil
    } catch {
      pluginFailure = error
      pluginRests = clock.now + backoff.delay()
      throw error
    }
  }

  private func identity(_ answer: KubernetesConnection.CredentialPlugin.Answer) -> Identity {
    Identity(
      authorization: answer.token.map { "Bearer \($0)" }, certificate: answer.certificate,
      key: answer.key)
  }

  /// Waits for a task that others wait for too, and that goes on when this one gives up.
  private func value(
    of task: Task<Void, any Error>, within seconds: Double, orThrow error: HTTPError
  ) async throws {
    let waiter = Waiter()
    try await withCheckedThrowingContinuation { continuation in
      waiter.continuation = continuation
      let timer = clock.timer { waiter.finish(.failure(error)) }
      timer.schedule(after: seconds)
      waiter.timer = timer
      Task { @EventLoop in waiter.finish(await task.result) }
    }
  }

  @EventLoop private final class Waiter {
    var continuation: CheckedContinuation<Void, any Error>?
    var timer: (any Timer)?
    nonisolated init() {}

    func finish(_ result: Result<Void, any Error>) {
      timer?.suspend()
      timer = nil
      let waiting = continuation
      continuation = nil
      waiting?.resume(with: result)
    }
  }
}
