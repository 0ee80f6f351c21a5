import FoundationEssentials
import Glibc

/// The Authorization header of each request, renewed when its source changes.
@EventLoop
final class CredentialSource {
  private let credential: KubernetesConnection.Credential
  private var token: String?
  private var expires = Date.distantFuture
  private var tokenFileChecked = 0.0
  private var pluginRun: Task<String, any Error>?

  /// Seconds between looks at a token file: client-go's own interval is a minute, but a
  /// stat a few seconds is cheap.
  private static let tokenFileInterval = 10.0

  init(_ credential: KubernetesConnection.Credential) {
    self.credential = credential
  }

  var canChange: Bool {
    switch credential {
    case .tokenFile, .plugin: true
    case .none, .token, .basic: false
    }
  }

  /// The server has refused the present credential: ask the source again.
  func invalidate() {
    if canChange { token = nil }
  }

  /// The header's value; nil where a client certificate (or nothing) says who we are.
  func authorization() async throws -> String? {
    switch credential {
    case .none:
      return nil
    case .token(let token):
      return "Bearer \(token)"
    case .basic(let user, let password):
      return "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
    case .tokenFile(let path):
      if token == nil || Monotonic.now - tokenFileChecked > Self.tokenFileInterval {
        tokenFileChecked = Monotonic.now
        let text = String(decoding: try readFile(path, "token file"), as: UTF8.self)
        token = text.trimmingWhitespace()
      }
      return token.map { "Bearer \($0)" }
    case .plugin(let plugin):
      if let token, Date() < expires { return "Bearer \(token)" }
      let run = pluginRun ?? Task { @EventLoop in try await self.run(plugin) }
      pluginRun = run
      defer { pluginRun = nil }
      return "Bearer \(try await run.value)"
    }
  }

  /// Runs a credential plugin.
  /// (Kubernetes: "Authenticating", client-go credential plugins.)
  private func run(_ plugin: KubernetesConnection.CredentialPlugin) async throws -> String {
    struct ExecCredential: Decodable {
      struct Status: Decodable {
        var token: String?
        var expirationTimestamp: String?
      }
      var status: Status?
    }
    var environment = ProcessInfo.processInfo.environment
    environment.merge(plugin.environment) { $1 }
    environment["KUBERNETES_EXEC_INFO"] =
      "{\"kind\":\"ExecCredential\",\"apiVersion\":\"\(plugin.apiVersion)\",\"spec\":{\"interactive\":false}}"
    let result = try await ChildProcess.run(
      plugin.command, plugin.arguments, environment: environment, timeout: 60)
    guard result.status == 0 else {
      throw HTTPError(
        reason: "credential plugin \(plugin.command): exit \(result.status): \(result.words)")
    }
    guard
      let status = try? JSONDecoder().decode(ExecCredential.self, from: result.standardOutput)
        .status,
      let token = status.token
    else {
      throw HTTPError(
        reason: "credential plugin \(plugin.command) printed no ExecCredential with a token")
    }
    self.token = token
    // A little early, so that no request carries a token that expires under way.
    expires =
      status.expirationTimestamp.flatMap(Timestamp.parse)?.addingTimeInterval(-10)
      ?? .distantFuture
    return token
  }
}
