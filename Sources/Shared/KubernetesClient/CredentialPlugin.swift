import FoundationEssentials
import HTTP
import Kubernetes
import Runtime
import Text

extension KubernetesConnection {
  /// A program that prints an ExecCredential.
  /// (Kubernetes: "Authenticating", client-go credential plugins; client.authentication.k8s.io.)
  public struct CredentialPlugin: Sendable {
    /// One of ``apiVersions``.
    public var apiVersion: String
    /// Absolute path.
    public var command: String
    public var arguments: [String]
    public var environment: [String: String]
    /// The cluster for `spec.cluster`, as JSON; nil unless the kubeconfig asks for it
    /// (`provideClusterInfo`).
    var cluster: JSONText?
    /// What the kubeconfig says of how to install the plugin, for errors.
    var installHint: String?

    static let apiVersions = [
      "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1",
    ]
    /// Seconds for a run.
    private static let timeout = 60.0

    public init(
      apiVersion: String, command: String, arguments: [String], environment: [String: String]
    ) {
      self.apiVersion = apiVersion
      self.command = command
      self.arguments = arguments
      self.environment = environment
    }
  }
}

extension KubernetesConnection.CredentialPlugin {
  /// What a run of the plugin gave.
  struct Answer: Sendable, Equatable {
    var token: String?
    /// PEM.
    var certificate: Data?
    var key: Data?
    /// nil: valid until the server refuses it.
    var expires: Date?
  }

  /// The value of KUBERNETES_EXEC_INFO.
  var execInfo: String {
    var spec: [(String, JSONText)] = [("interactive", .literal("false"))]
    if let cluster { spec.append(("cluster", cluster)) }
    return JSONText.object([
      ("kind", .text("ExecCredential")), ("apiVersion", .text(apiVersion)),
      ("spec", .object(spec)),
    ]).text
  }

  /// Runs the plugin.
  /// - Throws: ``HTTPError`` without anything that the plugin wrote to standard output.
  func run(clock: any Clock) async throws -> Answer {
    var environment = ProcessInfo.processInfo.environment
    environment.merge(self.environment) { $1 }
    environment["KUBERNETES_EXEC_INFO"] = execInfo
    let result: CommandResult
    do {
      result = try await ChildProcess.run(
        command, arguments, environment: environment, timeout: Self.timeout,
        clock: clock)
    } catch let error as CommandError {
      throw failure("\(error)")
    }
    guard result.status == 0 else {
      let words = Self.excerpt(result.standardError)
      throw failure("it ended with status \(result.status)\(words.isEmpty ? "" : ": \(words)")")
    }
    return try read(result.standardOutput)
  }

  /// Reads what a plugin has printed, by client-go's rules.
  func read(_ output: Data) throws -> Answer {
    struct ExecCredential: Decodable {
      struct Status: Decodable {
        var token: String?
        var clientCertificateData: String?
        var clientKeyData: String?
        var expirationTimestamp: String?
      }
      var apiVersion: String?
      var kind: String?
      var status: Status?
    }
    // The decoder's own error may quote the output.
    guard let credential = try? JSONDecoder().decode(ExecCredential.self, from: output) else {
      throw failure("it printed no ExecCredential")
    }
    guard credential.kind == "ExecCredential", credential.apiVersion == apiVersion else {
      throw failure("it printed no ExecCredential of \(apiVersion), which the kubeconfig asks for")
    }
    func value(_ text: String?) -> String? { text.flatMap { $0.isEmpty ? nil : $0 } }
    let token = value(credential.status?.token)
    let certificate = value(credential.status?.clientCertificateData)
    let key = value(credential.status?.clientKeyData)
    guard token != nil || certificate != nil || key != nil else {
      throw failure("it printed neither a token nor a certificate and key")
    }
    guard (certificate == nil) == (key == nil) else {
      throw failure("it printed only one of certificate and key")
    }
    if let token, token.utf8.contains(where: { $0 < 0x21 || $0 > 0x7E }) {
      throw failure("it printed a token with characters that no header can hold")
    }
    var expires: Date?
    if let text = value(credential.status?.expirationTimestamp) {
      guard let moment = Timestamp.parse(text) else {
        throw failure("it printed an expirationTimestamp that is not a time")
      }
      expires = moment
    }
    return Answer(
      token: token, certificate: certificate.map { Data($0.utf8) }, key: key.map { Data($0.utf8) },
      expires: expires)
  }

  private func failure(_ words: String) -> HTTPError {
    let hint = installHint.map { " (\(Self.excerpt(Data($0.utf8))))" } ?? ""
    return HTTPError(.credential, reason: "credential plugin \(command): \(words)\(hint)")
  }

  /// The beginning of a text on one line, control characters and the like escaped.
  static func excerpt(_ data: Data, limit: Int = 200) -> String {
    let text = String(decoding: data.prefix(limit), as: UTF8.self).trimmingWhitespace()
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control where scalar == "\n" || scalar == "\r" || scalar == "\t": result += " "
      case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
        result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return data.count > limit ? "\(result)..." : result
  }
}
