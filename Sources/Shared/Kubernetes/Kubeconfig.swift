import FoundationEssentials
import Glibc

/// How to reach an API server and who to be there.
public struct KubernetesConnection: Sendable {
  /// "https://host:port", perhaps with a path, without a slash at the end.
  public var server: String
  public var security = HTTPSecurity()
  public var credential = Credential.none

  /// What proves to the API server who we are, besides a client certificate.
  public enum Credential: Sendable {
    case none
    case token(String)
    /// Read again when the file changes, as service account tokens do.
    case tokenFile(String)
    case basic(user: String, password: String)
    case plugin(CredentialPlugin)
  }

  /// A program that prints an ExecCredential (client.authentication.k8s.io).
  public struct CredentialPlugin: Sendable {
    public var apiVersion: String
    /// Absolute path.
    public var command: String
    public var arguments: [String]
    public var environment: [String: String]
  }

  /// Finds the connection: the file given, $KUBECONFIG, the service account of the pod
  /// that we run in, ~/.kube/config, in this order.
  /// - Throws: ``StartupError`` that names the file and the field.
  public static func find(
    file: String?, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> KubernetesConnection {
    if let file { return try Kubeconfig(path: file).connection() }
    if let list = environment["KUBECONFIG"], !list.isEmpty {
      let files = list.split(separator: ":").map(String.init)
      guard let first = files.first(where: { access($0, F_OK) == 0 }) else {
        throw StartupError("KUBECONFIG: \(list) does not exist")
      }
      return try Kubeconfig(path: first).connection()
    }
    if let inCluster = try inCluster(environment) { return inCluster }
    if let home = environment["HOME"], access("\(home)/.kube/config", F_OK) == 0 {
      return try Kubeconfig(path: "\(home)/.kube/config").connection()
    }
    throw StartupError(
      "no Kubernetes connection: give --kubeconfig, or set KUBECONFIG, or run in a pod, or write ~/.kube/config"
    )
  }

  static let serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

  private static func inCluster(_ environment: [String: String]) throws -> KubernetesConnection? {
    guard let host = environment["KUBERNETES_SERVICE_HOST"],
      let port = environment["KUBERNETES_SERVICE_PORT"],
      access("\(serviceAccount)/token", F_OK) == 0
    else { return nil }
    let bracketed = host.contains(":") ? "[\(host)]" : host
    var connection = KubernetesConnection(server: "https://\(bracketed):\(port)")
    connection.security.certificateAuthority = try readFile(
      "\(serviceAccount)/ca.crt", "certificate")
    connection.credential = .tokenFile("\(serviceAccount)/token")
    return connection
  }
}

/// A kubeconfig file.
/// (Kubernetes: "Organizing Cluster Access Using kubeconfig Files", client-go's clientcmd.)
struct Kubeconfig {
  private let path: String
  private let root: YAMLValue

  init(path: String) throws {
    self.path = path
    let data = try readFile(path, "kubeconfig")
    do throws(YAMLError) {
      root = try YAMLValue(parsing: String(decoding: data, as: UTF8.self))
    } catch {
      throw StartupError("\(path): \(error.description)")
    }
    guard case .mapping = root else { throw StartupError("\(path): not a kubeconfig") }
  }

  /// The connection of the current context.
  func connection() throws -> KubernetesConnection {
    guard let current = root["current-context"]?.text, !current.isEmpty else {
      throw StartupError("\(path): current-context is not set")
    }
    guard let context = named(current, in: "contexts", "context") else {
      throw StartupError("\(path): contexts has no \(current), the current-context")
    }
    guard let clusterName = context["cluster"]?.text else {
      throw StartupError("\(path): contexts.\(current).cluster is not set")
    }
    guard let cluster = named(clusterName, in: "clusters", "cluster") else {
      throw StartupError(
        "\(path): clusters has no \(clusterName), the cluster of context \(current)")
    }
    let place = "clusters.\(clusterName)"
    guard let server = cluster["server"]?.text else {
      throw StartupError("\(path): \(place).server is not set")
    }
    guard server.hasPrefix("https://") || server.hasPrefix("http://") else {
      throw StartupError("\(path): \(place).server: \(server) is not an http or https URL")
    }
    var connection = KubernetesConnection(
      server: String(server.hasSuffix("/") ? server.dropLast() : server[...]))
    connection.security.certificateAuthority = try data(cluster, "certificate-authority", place)
    connection.security.skipVerification = try flag(cluster, "insecure-skip-tls-verify", place)
    connection.security.proxy = cluster["proxy-url"]?.text
    if cluster["tls-server-name"]?.text != nil {
      throw StartupError("\(path): \(place).tls-server-name is not supported")
    }
    if let userName = context["user"]?.text {
      guard let user = named(userName, in: "users", "user") else {
        throw StartupError("\(path): users has no \(userName), the user of context \(current)")
      }
      try apply(user, "users.\(userName)", to: &connection)
    }
    return connection
  }

  private func apply(
    _ user: YAMLValue, _ place: String, to connection: inout KubernetesConnection
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
    if let token = user["token"]?.text {
      connection.credential = .token(token)
    } else if let file = user["tokenFile"]?.text {
      _ = try readFile(absolute(file), "\(path): \(place).tokenFile")
      connection.credential = .tokenFile(absolute(file))
    } else if let name = user["username"]?.text {
      connection.credential = .basic(user: name, password: user["password"]?.text ?? "")
    } else if let exec = user["exec"] {
      connection.credential = .plugin(try plugin(exec, "\(place).exec"))
    } else if user["auth-provider"] != nil {
      throw StartupError(
        "\(path): \(place).auth-provider was removed from Kubernetes in 1.26; use exec")
    }
  }

  private func plugin(
    _ exec: YAMLValue, _ place: String
  ) throws -> KubernetesConnection.CredentialPlugin {
    guard let command = exec["command"]?.text else {
      throw StartupError("\(path): \(place).command is not set")
    }
    guard let program = findProgram(command.contains("/") ? absolute(command) : command) else {
      throw StartupError("\(path): \(place).command: \(command) is not a program")
    }
    var environment: [String: String] = [:]
    for item in exec["env"]?.items ?? [] {
      if let name = item["name"]?.text { environment[name] = item["value"]?.text ?? "" }
    }
    return KubernetesConnection.CredentialPlugin(
      apiVersion: exec["apiVersion"]?.text ?? "client.authentication.k8s.io/v1",
      command: program, arguments: (exec["args"]?.items ?? []).compactMap(\.text),
      environment: environment)
  }

  private func named(_ name: String, in list: String, _ member: String) -> YAMLValue? {
    root[list]?.items?.first { $0["name"]?.text == name }?[member]
  }

  private func flag(_ value: YAMLValue, _ key: String, _ place: String) throws -> Bool {
    switch value[key]?.text {
    case nil, "false": return false
    case "true": return true
    case .some(let text):
      throw StartupError("\(path): \(place).\(key): \(text) is not true or false")
    }
  }

  /// The field `key`-data (base64), or the file that `key` names.
  private func data(_ value: YAMLValue, _ key: String, _ place: String) throws -> Data? {
    if let text = value["\(key)-data"]?.text {
      let compact = text.filter { !$0.isWhitespace }
      guard let data = Data(base64Encoded: compact) else {
        throw StartupError("\(path): \(place).\(key)-data is not base64")
      }
      return data
    }
    guard let file = value[key]?.text else { return nil }
    return try readFile(absolute(file), "\(path): \(place).\(key)")
  }

  /// A path in a kubeconfig is relative to the file's own folder.
  private func absolute(_ file: String) -> String {
    guard !file.hasPrefix("/") else { return file }
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    return "\(folder)/\(file)"
  }
}

/// Reads a whole file.
/// - Parameter field: what names the file, for the error.
func readFile(_ path: String, _ field: String) throws -> Data {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else {
    throw StartupError("\(field): \(path): \(errorText(errno))")
  }
  defer { close(descriptor) }
  var data = Data()
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = read(descriptor, &buffer, buffer.count)
    if count == 0 { return data }
    guard count > 0 else {
      if errno == EINTR { continue }
      throw StartupError("\(field): \(path): \(errorText(errno))")
    }
    data.append(contentsOf: buffer[..<count])
  }
}

/// The absolute path of a program, looked up in PATH where the name has no slash.
public func findProgram(_ name: String) -> String? {
  if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
  let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
  return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
}
