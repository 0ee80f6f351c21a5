import FoundationEssentials
import Glibc
import HTTP
import Startup

/// How to reach an API server and who to be there.
public struct KubernetesConnection: Sendable {
  /// "https://host:port", perhaps with a path, without a slash at the end.
  public var server: String
  /// In place of the server's own host in URLs, where its certificate has another name
  /// (`tls-server-name`). Then the Host header still names the server.
  var tlsServerName: String?
  public var security = HTTPSecurity()
  public var credential = Credential.none
  /// Where all this was read.
  var origin = Origin.none
  /// The files that were read, by their paths: what is compared to see a change.
  var files: [String: Data] = [:]

  /// What URLs begin with.
  var urlBase: String {
    guard let tlsServerName, let address = ServerAddress(server) else { return server }
    return "\(address.scheme)://\(tlsServerName):\(address.port)\(address.path)"
  }

  /// The Host header, where it is not what the URL says.
  var hostHeader: String? {
    tlsServerName == nil ? nil : ServerAddress(server)?.authority
  }

  /// What proves to the API server who we are, besides a client certificate.
  public enum Credential: Sendable {
    case none
    case token(String)
    /// Read again when the file changes, as service account tokens do; `fallback` is used
    /// until the file could be read.
    case tokenFile(String, fallback: String? = nil)
    case basic(user: String, password: String)
    case plugin(CredentialPlugin)
  }

  /// Where a connection is read from, and read again.
  enum Origin: Sendable {
    case none
    case kubeconfig(String)
    case serviceAccount(server: String)

    /// Reads the connection.
    /// - Throws: ``StartupError`` that names the file and the field.
    func read() throws -> KubernetesConnection? {
      switch self {
      case .none: nil
      case .kubeconfig(let path): try KubernetesConnection.read(path)
      case .serviceAccount(let server): try KubernetesConnection.inCluster(server)
      }
    }
  }

  /// Finds the connection: the file given, $KUBECONFIG, the service account of the pod
  /// that we run in, ~/.kube/config, in this order.
  /// - Throws: ``StartupError`` that names the file and the field.
  public static func find(
    file: String?, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> KubernetesConnection {
    if let file { return try read(file) }
    if let list = environment["KUBECONFIG"], !list.isEmpty {
      let files = list.split(separator: ":").map(String.init)
      guard let first = files.first(where: { access($0, F_OK) == 0 }) else {
        throw StartupError("KUBECONFIG: \(list) does not exist")
      }
      return try read(first)
    }
    if let host = environment["KUBERNETES_SERVICE_HOST"],
      let port = environment["KUBERNETES_SERVICE_PORT"],
      access("\(serviceAccount)/token", F_OK) == 0
    {
      let bracketed = host.contains(":") ? "[\(host)]" : host
      return try inCluster("https://\(bracketed):\(port)")
    }
    if let home = environment["HOME"], access("\(home)/.kube/config", F_OK) == 0 {
      return try read("\(home)/.kube/config")
    }
    throw StartupError(
      "no Kubernetes connection: give --kubeconfig, or set KUBECONFIG, or run in a pod, or write ~/.kube/config"
    )
  }

  private static func read(_ path: String) throws -> KubernetesConnection {
    var kubeconfig = try Kubeconfig(path: path)
    return try kubeconfig.connection()
  }

  static let serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

  private static func inCluster(_ server: String) throws -> KubernetesConnection {
    var connection = KubernetesConnection(server: server)
    let authority = "\(serviceAccount)/ca.crt"
    let data = try readFile(authority, "certificate")
    connection.security.certificateAuthority = data
    connection.credential = .tokenFile("\(serviceAccount)/token")
    connection.origin = .serviceAccount(server: server)
    connection.files = [authority: data]
    return connection
  }
}
