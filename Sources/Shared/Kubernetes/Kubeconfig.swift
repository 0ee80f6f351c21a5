import FoundationEssentials
import Glibc

/// A kubeconfig file.
/// (Kubernetes: "Organizing Cluster Access Using kubeconfig Files", client-go's clientcmd.)
struct Kubeconfig {
  let path: String
  private let root: YAMLValue
  /// What was read, by path: the kubeconfig itself, and what it names.
  private var files: [String: Data]

  /// - Throws: ``StartupError``.
  init(path: String) throws {
    self.path = path
    let data = try readFile(path, "kubeconfig")
    files = [path: data]
    do throws(YAMLError) {
      root = try YAMLValue(parsing: String(decoding: data, as: UTF8.self))
    } catch {
      throw StartupError("\(path): \(error.description)")
    }
    guard case .mapping = root else { throw StartupError("\(path): not a kubeconfig") }
  }

  /// The connection of the current context.
  /// - Throws: ``StartupError`` that names the file and the field.
  mutating func connection() throws -> KubernetesConnection {
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
    var connection = try self.connection(to: cluster, "clusters.\(clusterName)")
    if let userName = context["user"]?.text {
      guard let user = named(userName, in: "users", "user") else {
        throw StartupError("\(path): users has no \(userName), the user of context \(current)")
      }
      try apply(user, "users.\(userName)", cluster, to: &connection)
    }
    connection.origin = .kubeconfig(path)
    connection.files = files
    return connection
  }

  private mutating func connection(
    to cluster: YAMLValue, _ place: String
  ) throws -> KubernetesConnection {
    guard let server = cluster["server"]?.text else {
      throw StartupError("\(path): \(place).server is not set")
    }
    guard let address = ServerAddress(server) else {
      throw StartupError("\(path): \(place).server: \(server) is not an http or https URL")
    }
    var connection = KubernetesConnection(
      server: "\(address.scheme)://\(address.authority)\(address.path)")
    connection.security.certificateAuthority = try data(cluster, "certificate-authority", place)
    connection.security.skipVerification = try flag(cluster, "insecure-skip-tls-verify", place)
    if connection.security.skipVerification, connection.security.certificateAuthority != nil {
      throw StartupError(
        "\(path): \(place): insecure-skip-tls-verify and certificate-authority exclude each other")
    }
    connection.security.proxy = cluster["proxy-url"]?.text
    if let name = cluster["tls-server-name"]?.text, !name.isEmpty {
      guard ServerAddress("https://\(name)")?.authority == name, !name.contains(":") else {
        throw StartupError("\(path): \(place).tls-server-name: \(name) is not a host name")
      }
      connection.tlsServerName = name
      connection.security.connectTo = "\(address.host):\(address.port)"
    }
    return connection
  }

  private func named(_ name: String, in list: String, _ member: String) -> YAMLValue? {
    root[list]?.items?.first { $0["name"]?.text == name }?[member]
  }

  func flag(_ value: YAMLValue, _ key: String, _ place: String) throws -> Bool {
    switch value[key]?.text {
    case nil, "false": return false
    case "true": return true
    case .some(let text):
      throw StartupError("\(path): \(place).\(key): \(text) is not true or false")
    }
  }

  /// The field `key`-data (base64), or the file that `key` names.
  mutating func data(
    _ value: YAMLValue, _ key: String, _ place: String
  ) throws -> Data? {
    if let text = value["\(key)-data"]?.text {
      let compact = text.filter { !$0.isWhitespace }
      guard let data = Data(base64Encoded: compact) else {
        throw StartupError("\(path): \(place).\(key)-data is not base64")
      }
      return data
    }
    guard let file = value[key]?.text else { return nil }
    let data = try readFile(absolute(file), "\(path): \(place).\(key)")
    files[absolute(file)] = data
    return data
  }

  /// A path in a kubeconfig is relative to the file's own folder.
  func absolute(_ file: String) -> String {
    guard !file.hasPrefix("/") else { return file }
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    return "\(folder)/\(file)"
  }
}

/// Reads a whole file.
/// - Parameter field: what names the file, for the error.
public func readFile(_ path: String, _ field: String) throws -> Data {
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
