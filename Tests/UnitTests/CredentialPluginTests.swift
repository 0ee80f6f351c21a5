import FoundationEssentials
import Testing

@testable import HTTP
@testable import Kubernetes
@testable import KubernetesClient

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
