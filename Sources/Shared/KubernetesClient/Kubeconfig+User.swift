import FoundationEssentials
import Runtime
import Startup

/// The user of a kubeconfig. Which of several credentials counts is client-go's rule (validation.go
/// and client_config.go of clientcmd, transport/round_trippers.go, plugin/pkg/client/auth/exec).
extension Kubeconfig {
  /// Adds the user's credentials to a connection.
  mutating func apply(
    _ user: YAMLValue, _ place: String, _ cluster: YAMLValue,
    to connection: inout KubernetesConnection
  ) throws {
    for key in ["as", "as-uid", "as-groups", "as-user-extra"] where user[key] != nil {
      throw StartupError("\(path): \(place).\(key): impersonation is not supported")
    }
    connection.security.clientCertificate = try data(user, "client-certificate", place)
    connection.security.clientKey = try data(user, "client-key", place)
    guard (connection.security.clientCertificate == nil) == (connection.security.clientKey == nil)
    else {
      throw StartupError("\(path): \(place): client-certificate and client-key go together")
    }
    func text(_ key: String) -> String? { user[key]?.text.flatMap { $0.isEmpty ? nil : $0 } }
    let token = text("token")
    let file = text("tokenFile").map(absolute)
    let isBasic = text("username") != nil || text("password") != nil
    if isBasic, token != nil || file != nil {
      throw StartupError(
        "\(path): \(place): username and password exclude \(token == nil ? "tokenFile" : "token")")
    }
    if user["auth-provider"] != nil {
      throw StartupError(
        user["exec"] == nil
          ? "\(path): \(place).auth-provider was removed from Kubernetes in 1.26; use exec"
          : "\(path): \(place): auth-provider and exec exclude each other")
    }
    // Read even where it is not used, so that its mistakes are found.
    var plugin: KubernetesConnection.CredentialPlugin?
    if let exec = user["exec"] {
      plugin = try self.plugin(exec, "\(place).exec", cluster, connection)
    }
    if let file {
      // What the file holds goes before the token, which stands in until it can be read.
      if token == nil { _ = try readFile(file, "\(path): \(place).tokenFile") }
      connection.credential = .tokenFile(file, fallback: token)
    } else if let token {
      connection.credential = .token(token)
    } else if isBasic {
      connection.credential = .basic(
        user: text("username") ?? "", password: text("password") ?? "")
    } else if let plugin, connection.security.clientCertificate == nil {
      connection.credential = .plugin(plugin)
    }
  }

  private func plugin(
    _ exec: YAMLValue, _ place: String, _ cluster: YAMLValue, _ connection: KubernetesConnection
  ) throws -> KubernetesConnection.CredentialPlugin {
    guard let command = exec["command"]?.text else {
      throw StartupError("\(path): \(place).command is not set")
    }
    let hint = exec["installHint"]?.text
    guard let program = findProgram(command.contains("/") ? absolute(command) : command) else {
      let words = hint.map {
        " (\(KubernetesConnection.CredentialPlugin.excerpt(Data($0.utf8))))"
      }
      throw StartupError("\(path): \(place).command: \(command) is not a program\(words ?? "")")
    }
    guard let version = exec["apiVersion"]?.text else {
      throw StartupError("\(path): \(place).apiVersion is not set")
    }
    let versions = KubernetesConnection.CredentialPlugin.apiVersions
    guard versions.contains(version) else {
      throw StartupError(
        "\(path): \(place).apiVersion: \(version) is none of \(versions.joined(separator: ", "))")
    }
    switch exec["interactiveMode"]?.text {
    case nil, "Never", "IfAvailable": break
    case "Always":
      throw StartupError("\(path): \(place).interactiveMode: Always: there is no terminal here")
    case .some(let mode):
      throw StartupError(
        "\(path): \(place).interactiveMode: \(mode) is none of Never, IfAvailable, Always")
    }
    var environment: [String: String] = [:]
    for item in exec["env"]?.items ?? [] {
      guard let name = item["name"]?.text, !name.isEmpty else {
        throw StartupError("\(path): \(place).env: an entry has no name")
      }
      environment[name] = item["value"]?.text ?? ""
    }
    var plugin = KubernetesConnection.CredentialPlugin(
      apiVersion: version, command: program,
      arguments: (exec["args"]?.items ?? []).compactMap(\.text), environment: environment)
    plugin.installHint = hint
    if try flag(exec, "provideClusterInfo", place) {
      plugin.cluster = clusterInfo(cluster, connection)
    }
    return plugin
  }

  /// `spec.cluster` of an ExecCredential.
  private func clusterInfo(_ cluster: YAMLValue, _ connection: KubernetesConnection) -> JSONText {
    var members: [(String, JSONText)] = [("server", .text(connection.server))]
    if let name = connection.tlsServerName { members.append(("tls-server-name", .text(name))) }
    if connection.security.skipVerification {
      members.append(("insecure-skip-tls-verify", .literal("true")))
    }
    if let data = connection.security.certificateAuthority {
      members.append(("certificate-authority-data", .text(data.base64EncodedString())))
    }
    if let proxy = connection.security.proxy { members.append(("proxy-url", .text(proxy))) }
    let name = "client.authentication.k8s.io/exec"
    let extensions = cluster["extensions"]?.items ?? []
    if let config = extensions.last(where: { $0["name"]?.text == name })?["extension"] {
      members.append(("config", JSONText(config)))
    }
    return .object(members)
  }
}
