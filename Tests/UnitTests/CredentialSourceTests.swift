import FoundationEssentials
import Testing

@testable import HTTP
@testable import KubernetesClient
@testable import Runtime

/// How a credential is renewed.
@Suite(.runningLoop) struct CredentialSourceTests {
  private let folder: TemporaryFolder
  private let lines = LogLines()

  init() throws {
    folder = try TemporaryFolder()
  }

  @EventLoop
  private func source(_ credential: KubernetesConnection.Credential) -> CredentialSource {
    var connection = KubernetesConnection(server: "https://k")
    connection.credential = credential
    return CredentialSource(connection, clock: SystemClock(), log: lines.logger)
  }

  private func plugin(_ script: String) throws -> KubernetesConnection.Credential {
    let command = try folder.write(
      "plugin", "#!/bin/sh\necho run >> \(folder.path)/runs\n\(script)\n", executable: true)
    return .plugin(
      .init(
        apiVersion: "client.authentication.k8s.io/v1", command: command, arguments: [],
        environment: [:]))
  }

  private func runs() throws -> Int {
    try String(contentsOf: URL(filePath: "\(folder.path)/runs"), encoding: .utf8).split(
      separator: "\n"
    ).count
  }

  private static let prints =
    #"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}'"#

  @Test @EventLoop func aTokenFileThatGoesAwayLeavesItsTokenBehind() async throws {
    let file = try folder.write("token", "one\n")
    let source = source(.tokenFile(file, fallback: "other"))
    let first = try await source.identity(within: 1)
    #expect(first.authorization == "Bearer one")
    try FileManager.default.removeItem(atPath: file)
    source.invalidate(first)
    #expect(try await source.identity(within: 1) == first)
    #expect(lines.all.count == 1)
    try folder.write("token", "two")
    source.invalidate(first)
    #expect(try await source.identity(within: 1).authorization == "Bearer two")
  }

  @Test @EventLoop func aTokenStandsInForAFileThatIsNotThereYet() async throws {
    let source = source(.tokenFile("/nonexistent/token", fallback: "other"))
    #expect(try await source.identity(within: 1).authorization == "Bearer other")
    let without = self.source(.tokenFile("/nonexistent/token"))
    await #expect(throws: HTTPError.self) { try await without.identity(within: 1) }
  }

  @Test @EventLoop func aPluginRunsOnceForAll() async throws {
    let source = source(try plugin(Self.prints))
    async let one = source.identity(within: 60)
    async let two = source.identity(within: 60)
    #expect(try await [one, two] == Array(repeating: .init(authorization: "Bearer t"), count: 2))
    _ = try await source.identity(within: 60)
    #expect(try runs() == 1)
  }

  @Test @EventLoop func aPluginWhoseCredentialIsRefusedAgainIsNotRunEachTime() async throws {
    let source = source(try plugin(Self.prints))
    let started = SystemClock().now
    for _ in 0..<20 { source.invalidate(try await source.identity(within: 60)) }
    // At once when it is refused first, then no more than twice a second.
    #expect(try runs() <= 2 + Int((SystemClock().now - started) / 0.5))
  }

  @Test @EventLoop func aPluginThatFailsIsNotRunEachTime() async throws {
    let source = source(try plugin("echo secret; exit 1"))
    let started = SystemClock().now
    for _ in 0..<20 {
      let error = await #expect(throws: HTTPError.self) { try await source.identity(within: 60) }
      #expect(error?.reason.hasSuffix("it ended with status 1") == true)
    }
    #expect(try runs() <= 1 + Int((SystemClock().now - started) / 0.5))
  }

  @Test @EventLoop func aSlowPluginHoldsNoRequestPastItsTime() async throws {
    let source = source(try plugin("sleep 5; \(Self.prints)"))
    let error = await #expect(throws: HTTPError.self) { try await source.identity(within: 0.2) }
    #expect(error?.reason.hasSuffix("gave nothing within 0.2 s") == true)
  }
}
