import FoundationEssentials
import Testing

@testable import Shared

/// What a credential plugin prints, by client-go's rules.
@Suite struct CredentialPluginTests {
  private typealias Plugin = KubernetesConnection.CredentialPlugin

  private let plugin = Plugin(
    apiVersion: "client.authentication.k8s.io/v1", command: "/p", arguments: [], environment: [:])

  private func credential(_ status: String) -> Data {
    Data(
      #"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":\#(status)}"#
        .utf8)
  }

  @Test func aToken() throws {
    let answer = try plugin.read(
      credential(#"{"token":"t","expirationTimestamp":"2030-01-02T03:04:05Z"}"#))
    #expect(answer.token == "t")
    #expect(answer.certificate == nil)
    #expect(answer.expires == Timestamp.parse("2030-01-02T03:04:05Z"))
  }

  @Test func aCertificateWithItsKey() throws {
    let answer = try plugin.read(
      credential(#"{"clientCertificateData":"C\n","clientKeyData":"K\n","token":""}"#))
    #expect(
      answer
        == .init(token: nil, certificate: Data("C\n".utf8), key: Data("K\n".utf8), expires: nil))
  }

  @Test func bothAreUsedTogether() throws {
    let answer = try plugin.read(
      credential(#"{"clientCertificateData":"C","clientKeyData":"K","token":"t"}"#))
    #expect(answer.token == "t")
    #expect(answer.key == Data("K".utf8))
  }

  /// What is printed, and what is said of it: never what was printed.
  @Test(arguments: [
    ("secret", "it printed no ExecCredential"), ("", "it printed no ExecCredential"),
    (#"{"kind":"ExecCredential","status":{"token":17}}"#, "it printed no ExecCredential"),
    (
      #"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"secret"}}"#,
      "it printed no ExecCredential of client.authentication.k8s.io/v1, which the kubeconfig asks for"
    ),
    (
      #"{"kind":"Secret","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"secret"}}"#,
      "it printed no ExecCredential of client.authentication.k8s.io/v1, which the kubeconfig asks for"
    ),
    (#"{}"#, "it printed neither a token nor a certificate and key"),
    (#"{"token":""}"#, "it printed neither a token nor a certificate and key"),
    (#"{"clientCertificateData":"secret"}"#, "it printed only one of certificate and key"),
    (#"{"token":"t","clientKeyData":"secret"}"#, "it printed only one of certificate and key"),
    (
      #"{"token":"secret\r\nX-Remote-User: admin"}"#,
      "it printed a token with characters that no header can hold"
    ),
    (
      #"{"token":"secret","expirationTimestamp":"soon"}"#,
      "it printed an expirationTimestamp that is not a time"
    ),
  ])
  func refusesWithoutQuoting(_ text: String, _ words: String) {
    let output = text.hasPrefix("{") && !text.contains("kind") ? credential(text) : Data(text.utf8)
    let error = #expect(throws: HTTPError.self) { try plugin.read(output) }
    #expect(error?.description == "credential plugin /p: \(words)")
    #expect(error?.kind == .credential)
  }

  @Test(arguments: [
    ("one\ntwo\t3\r\n", "one two 3"), ("\u{1b}[31mred", #"\u{1b}[31mred"#),
    ("a\u{202e}b\u{2028}c", #"a\u{202e}b\u{2028}c"#),
    (String(repeating: "x", count: 250), String(repeating: "x", count: 200) + "..."),
    ("", ""),
  ])
  func wordsAreBoundedAndEscaped(_ text: String, _ expected: String) {
    #expect(Plugin.excerpt(Data(text.utf8)) == expected)
  }
}

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
    return CredentialSource(connection, log: lines.logger)
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
    async let one = source.identity(within: 10)
    async let two = source.identity(within: 10)
    #expect(try await [one, two] == Array(repeating: .init(authorization: "Bearer t"), count: 2))
    _ = try await source.identity(within: 10)
    #expect(try runs() == 1)
  }

  @Test @EventLoop func aPluginWhoseCredentialIsRefusedAgainIsNotRunEachTime() async throws {
    let source = source(try plugin(Self.prints))
    for _ in 0..<20 { source.invalidate(try await source.identity(within: 10)) }
    #expect(try runs() == 2)
  }

  @Test @EventLoop func aPluginThatFailsIsNotRunEachTime() async throws {
    let source = source(try plugin("echo secret; exit 1"))
    for _ in 0..<20 {
      let error = await #expect(throws: HTTPError.self) { try await source.identity(within: 10) }
      #expect(error?.reason.hasSuffix("it ended with status 1") == true)
    }
    #expect(try runs() == 1)
  }

  @Test @EventLoop func aSlowPluginHoldsNoRequestPastItsTime() async throws {
    let source = source(try plugin("sleep 5; \(Self.prints)"))
    let error = await #expect(throws: HTTPError.self) { try await source.identity(within: 0.2) }
    #expect(error?.reason.hasSuffix("gave nothing within 0.2 s") == true)
  }
}
