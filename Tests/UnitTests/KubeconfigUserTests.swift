import FoundationEssentials
import Testing

@testable import KubernetesClient
@testable import Startup

/// Which credential of a kubeconfig's user counts, by client-go's rules.
@Suite struct KubeconfigUserTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write("plugin", "#!/bin/sh\n", executable: true)
    try folder.write("token", "of the file\n")
  }

  private func connection(
    user: String, cluster: String = "server: 'https://k:6443'"
  ) throws -> KubernetesConnection {
    let file = try folder.write(
      "kubeconfig",
      """
      current-context: here
      contexts: [{name: here, context: {cluster: c, user: u}}]
      clusters: [{name: c, cluster: {\(cluster)}}]
      users: [{name: u, user: {\(user)}}]
      """)
    return try KubernetesConnection.find(file: file, environment: [:])
  }

  private static let version = "client.authentication.k8s.io/v1"
  private static let exec = "exec: {apiVersion: \(version), command: ./plugin}"
  private static let certificate =
    "client-certificate-data: Q0VSVA==, client-key-data: S0VZ"

  /// Members of the user, and what is sent besides a client certificate.
  @Test(arguments: [
    ("token: t, \(exec)", "token t"), ("token: t, tokenFile: token", "file, else t"),
    ("token: t, tokenFile: missing", "file, else t"),
    ("username: a, password: b, \(exec)", "basic a b"), ("password: b", "basic  b"),
    ("\(certificate), \(exec)", "none"), ("\(certificate), token: t", "token t"),
    ("\(certificate), username: a", "basic a "), (exec, "plugin"), ("token: '', \(exec)", "plugin"),
    ("tokenFile: token, \(exec)", "file, else none"),
  ])
  func oneCredentialCounts(_ user: String, _ expected: String) throws {
    let connection = try connection(user: user)
    let found =
      switch connection.credential {
      case .none: "none"
      case .token(let token): "token \(token)"
      case .tokenFile(_, let fallback): "file, else \(fallback ?? "none")"
      case .basic(let name, let password): "basic \(name) \(password)"
      case .plugin: "plugin"
      }
    #expect(found == expected)
    #expect((connection.security.clientCertificate != nil) == user.contains(Self.certificate))
  }

  /// Members of the user, and the error without the file's name.
  @Test(arguments: [
    ("token: t, username: a", "users.u: username and password exclude token"),
    ("tokenFile: token, password: b", "users.u: username and password exclude tokenFile"),
    ("auth-provider: {name: oidc}, \(exec)", "users.u: auth-provider and exec exclude each other"),
    ("exec: {command: ./plugin}", "users.u.exec.apiVersion is not set"),
    (
      "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: ./plugin}",
      "users.u.exec.apiVersion: client.authentication.k8s.io/v1alpha1 is none of client.authentication.k8s.io/v1, client.authentication.k8s.io/v1beta1"
    ),
    (
      "exec: {apiVersion: \(version), command: ./none, installHint: \"get it\\nfrom\\e us\"}",
      "users.u.exec.command: ./none is not a program (get it from\\u{1b} us)"
    ),
    (
      "exec: {apiVersion: \(version), command: ./plugin, interactiveMode: Always}",
      "users.u.exec.interactiveMode: Always: there is no terminal here"
    ),
    (
      "exec: {apiVersion: \(version), command: ./plugin, interactiveMode: perhaps}",
      "users.u.exec.interactiveMode: perhaps is none of Never, IfAvailable, Always"
    ),
    (
      "exec: {apiVersion: \(version), command: ./plugin, env: [{value: b}]}",
      "users.u.exec.env: an entry has no name"
    ),
    (
      "exec: {apiVersion: \(version), command: ./plugin, provideClusterInfo: perhaps}",
      "users.u.exec.provideClusterInfo: perhaps is not true or false"
    ),
  ])
  func refusesByName(_ user: String, _ words: String) {
    let error = #expect(throws: StartupError.self) { try connection(user: user) }
    #expect(error?.description == "\(folder.path)/kubeconfig: \(words)")
  }

  // MARK: What a plugin is told

  private func plugin(_ user: String, cluster: String) throws
    -> KubernetesConnection
    .CredentialPlugin
  {
    let connection = try connection(user: user, cluster: cluster)
    guard case .plugin(let plugin) = connection.credential else {
      throw StartupError("no plugin")
    }
    return plugin
  }

  @Test func theClusterIsToldWhenAskedFor() throws {
    let asking = Self.exec.replacing("./plugin", with: "./plugin, provideClusterInfo: true")
    let plugin = try plugin(
      asking,
      cluster: """
        server: 'https://10.0.0.1:6443/', certificate-authority-data: Q0E=, tls-server-name: k8s,
        proxy-url: 'http://proxy:3128', extensions: [{name: other, extension: {}},
        {name: client.authentication.k8s.io/exec, extension: {audience: "12", on: true, depth: -1.5e2,
         version: 1.2.3, list: [null, 'true', 012], "a\\"b": "c\\nd"}}]
        """)
    #expect(
      plugin.execInfo
        == #"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false,"cluster":{"server":"https://10.0.0.1:6443","tls-server-name":"k8s","certificate-authority-data":"Q0E=","proxy-url":"http://proxy:3128","config":{"audience":"12","on":true,"depth":-1.5e2,"version":"1.2.3","list":[null,"true","012"],"a\"b":"c\u000ad"}}}}"#
    )
    struct Info: Decodable { var kind: String }
    #expect(
      try JSONDecoder().decode(Info.self, from: Data(plugin.execInfo.utf8)).kind == "ExecCredential"
    )
  }

  @Test func anInsecureClusterIsToldAsSuch() throws {
    let asking = Self.exec.replacing("./plugin", with: "./plugin, provideClusterInfo: true")
    let plugin = try plugin(
      asking, cluster: "server: 'https://k', insecure-skip-tls-verify: true")
    #expect(
      plugin.execInfo.contains(
        #""cluster":{"server":"https://k","insecure-skip-tls-verify":true}"#))
  }

  @Test func theClusterIsNotToldOtherwise() throws {
    let plugin = try plugin(Self.exec, cluster: "server: 'https://k'")
    #expect(
      plugin.execInfo
        == #"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}"#
    )
  }

  // MARK: Another name for the server

  @Test func theServersNameMayBeAnother() throws {
    let connection = try connection(
      user: "token: t", cluster: "server: 'https://10.0.0.1:6443/k/', tls-server-name: api.example")
    #expect(connection.server == "https://10.0.0.1:6443/k")
    #expect(connection.urlBase == "https://api.example:6443/k")
    #expect(connection.hostHeader == "10.0.0.1:6443")
    #expect(connection.security.connectTo == "10.0.0.1:6443")
  }
}

@Suite struct ServerAddressTests {
  @Test(arguments: [
    ("https://k", "k", 443, ""), ("http://k/", "k", 80, ""),
    ("https://k:6443/a/b//", "k", 6443, "/a/b"),
    ("https://[fd00::1]:6443", "[fd00::1]", 6443, ""),
    ("https://[fd00::1]/x", "[fd00::1]", 443, "/x"),
  ])
  func parts(_ url: String, _ host: String, _ port: Int, _ path: String) {
    let address = ServerAddress(url)
    #expect(address?.host == host)
    #expect(address?.port == port)
    #expect(address?.path == path)
  }

  @Test(arguments: [
    "k:6443", "ftp://k", "https://", "https://:6443", "https://k:", "https://k:x", "https://k:0",
    "https://k:65536", "https://user@k", "https://k?x=1", "https://k#x", "https://k /",
    "https://[::1",
  ])
  func noServer(_ url: String) {
    #expect(ServerAddress(url) == nil)
  }
}
