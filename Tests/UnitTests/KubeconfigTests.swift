import FoundationEssentials
import Testing

@testable import KubernetesClient
@testable import Startup

/// Kubernetes: "Organizing Cluster Access Using kubeconfig Files".
@Suite struct KubeconfigTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  /// A kubeconfig with these members in its cluster and its user, in YAML's flow style.
  private static func kubeconfig(
    cluster: String = "server: 'https://k:6443'", user: String = "token: secret"
  ) -> String {
    """
    apiVersion: v1
    kind: Config
    current-context: here
    contexts: [{name: other, context: {cluster: gone}}, {name: here, context: {cluster: c, user: u}}]
    clusters: [{name: c, cluster: {\(cluster)}}]
    users: [{name: u, user: {\(user)}}]
    """
  }

  private func connection(_ text: String) throws -> KubernetesConnection {
    try KubernetesConnection.find(file: folder.write("kubeconfig", text), environment: [:])
  }

  // MARK: What works

  @Test func aTokenAndACertificateInline() throws {
    let connection = try connection(
      Self.kubeconfig(
        cluster:
          "server: 'https://k:6443/', certificate-authority-data: 'Q0Eg\n  UEVN', proxy-url: 'http://proxy:3128'"
      ))
    #expect(connection.server == "https://k:6443")
    #expect(connection.security.certificateAuthority == Data("CA PEM".utf8))
    #expect(connection.security.proxy == "http://proxy:3128")
    #expect(!connection.security.skipVerification)
    #expect(connection.credential == .token("secret"))
  }

  @Test func filesAreRelativeToTheKubeconfig() throws {
    try folder.write("ca.pem", "CA")
    let certificate = try folder.write("client.pem", "CERTIFICATE")
    try folder.write("client.key", "KEY")
    let connection = try connection(
      Self.kubeconfig(
        cluster: "server: 'https://k:6443', certificate-authority: ca.pem",
        user: "client-certificate: '\(certificate)', client-key: client.key"))
    #expect(connection.security.certificateAuthority == Data("CA".utf8))
    #expect(connection.security.clientCertificate == Data("CERTIFICATE".utf8))
    #expect(connection.security.clientKey == Data("KEY".utf8))
    #expect(connection.credential == .none)
  }

  @Test func inlineDataComesBeforeAFile() throws {
    let connection = try connection(
      Self.kubeconfig(
        cluster:
          "server: 'http://k', certificate-authority-data: Q0E=, certificate-authority: /none"))
    #expect(connection.security.certificateAuthority == Data("CA".utf8))
  }

  @Test func insecureIsInsecureOnlyWhenItSaysSo() throws {
    for (text, skips) in [("true", true), ("false", false)] {
      let connection = try connection(
        Self.kubeconfig(cluster: "server: 'https://k', insecure-skip-tls-verify: \(text)"))
      #expect(connection.security.skipVerification == skips)
    }
  }

  @Test func aTokenFile() throws {
    let file = try folder.write("token", "secret\n")
    #expect(
      try connection(Self.kubeconfig(user: "tokenFile: token")).credential == .tokenFile(file))
  }

  @Test func aNameAndAPassword() throws {
    let connection = try connection(Self.kubeconfig(user: "username: alice, password: secret"))
    #expect(connection.credential == .basic(user: "alice", password: "secret"))
  }

  @Test func aCredentialPlugin() throws {
    let plugin = try folder.write("plugin", "#!/bin/sh\n", executable: true)
    let connection = try connection(
      Self.kubeconfig(
        user: """
          exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./plugin, args: [get, token],
                 env: [{name: REGION, value: north}]}
          """))
    #expect(
      connection.credential
        == .plugin(
          .init(
            apiVersion: "client.authentication.k8s.io/v1beta1", command: "\(folder.path)/./plugin",
            arguments: ["get", "token"], environment: ["REGION": "north"])))
    #expect(FileManager.default.fileExists(atPath: plugin))
  }

  @Test func aContextWithoutAUserIsAnonymous() throws {
    let connection = try connection(
      """
      current-context: here
      contexts: [{name: here, context: {cluster: c}}]
      clusters: [{name: c, cluster: {server: 'http://127.0.0.1:8080'}}]
      """)
    #expect(connection.server == "http://127.0.0.1:8080")
    #expect(connection.credential == .none)
  }

  @Test func jsonIsYAML() throws {
    let connection = try connection(
      #"""
      {"current-context": "here", "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
       "clusters": [{"name": "c", "cluster": {"server": "https://k"}}], "users": [{"name": "u", "user": {"token": "t"}}]}
      """#)
    #expect(connection.credential == .token("t"))
  }

  // MARK: What cannot work

  /// A kubeconfig, and the one line about it: FILE is its path, FOLDER its folder.
  @Test(arguments: [
    ("", "FILE: not a kubeconfig"),
    ("just words", "FILE: not a kubeconfig"),
    ("[1, 2]", "FILE: not a kubeconfig"),
    ("apiVersion: v1", "FILE: current-context is not set"),
    ("current-context: ''", "FILE: current-context is not set"),
    ("current-context: here", "FILE: contexts has no here, the current-context"),
    (
      "current-context: here\ncontexts: [{name: there, context: {cluster: c}}]",
      "FILE: contexts has no here, the current-context"
    ),
    (
      "current-context: here\ncontexts: [{name: here, context: {user: u}}]",
      "FILE: contexts.here.cluster is not set"
    ),
    (
      "current-context: here\ncontexts: [{name: here, context: {cluster: c}}]",
      "FILE: clusters has no c, the cluster of context here"
    ),
    (kubeconfig(cluster: ""), "FILE: clusters.c.server is not set"),
    (
      kubeconfig(cluster: "server: 'k:6443'"),
      "FILE: clusters.c.server: k:6443 is not an http or https URL"
    ),
    (
      kubeconfig(cluster: "server: 'https://k', certificate-authority: missing.pem"),
      "FILE: clusters.c.certificate-authority: FOLDER/missing.pem: No such file or directory"
    ),
    (
      kubeconfig(cluster: "server: 'https://k', certificate-authority-data: '!!'"),
      "FILE: clusters.c.certificate-authority-data is not base64"
    ),
    (
      kubeconfig(cluster: "server: 'https://k', insecure-skip-tls-verify: perhaps"),
      "FILE: clusters.c.insecure-skip-tls-verify: perhaps is not true or false"
    ),
    (
      kubeconfig(cluster: "server: 'https://k', tls-server-name: 'no/name'"),
      "FILE: clusters.c.tls-server-name: no/name is not a host name"
    ),
    (
      kubeconfig(
        cluster:
          "server: 'https://k', insecure-skip-tls-verify: true, certificate-authority-data: Q0E="),
      "FILE: clusters.c: insecure-skip-tls-verify and certificate-authority exclude each other"
    ),
    (
      kubeconfig().replacing("name: u, user: {", with: "name: v, user: {"),
      "FILE: users has no u, the user of context here"
    ),
    (
      kubeconfig(user: "client-certificate-data: Q0E="),
      "FILE: users.u: client-certificate and client-key go together"
    ),
    (
      kubeconfig(user: "client-key-data: S0VZ"),
      "FILE: users.u: client-certificate and client-key go together"
    ),
    (
      kubeconfig(user: "client-certificate: c.pem, client-key: k.pem"),
      "FILE: users.u.client-certificate: FOLDER/c.pem: No such file or directory"
    ),
    (kubeconfig(user: "client-key-data: '%'"), "FILE: users.u.client-key-data is not base64"),
    (
      kubeconfig(user: "tokenFile: missing"),
      "FILE: users.u.tokenFile: FOLDER/missing: No such file or directory"
    ),
    (kubeconfig(user: "exec: {args: [a]}"), "FILE: users.u.exec.command is not set"),
    (
      kubeconfig(user: "exec: {command: ./missing}"),
      "FILE: users.u.exec.command: ./missing is not a program"
    ),
    (
      kubeconfig(user: "exec: {command: no-such-credential-plugin}"),
      "FILE: users.u.exec.command: no-such-credential-plugin is not a program"
    ),
    (
      kubeconfig(user: "auth-provider: {name: gcp}"),
      "FILE: users.u.auth-provider was removed from Kubernetes in 1.26; use exec"
    ),
  ])
  func namesTheFileAndTheField(_ text: String, _ words: String) {
    let error = #expect(throws: StartupError.self) { try connection(text) }
    let expected = words.replacing("FILE", with: "\(folder.path)/kubeconfig").replacing(
      "FOLDER", with: folder.path)
    #expect(error?.description == expected)
  }

  @Test func namesTheLineOfWhatIsNotYAML() {
    let error = #expect(throws: StartupError.self) { try connection("clusters: [\nusers: {") }
    #expect(error?.description.hasPrefix("\(folder.path)/kubeconfig: line ") == true)
  }
}

/// Where the connection comes from: the file given, $KUBECONFIG, the service account,
/// ~/.kube/config, in this order.
@Suite struct KubernetesConnectionTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func kubeconfig(_ name: String) throws -> String {
    try folder.write(
      name,
      """
      current-context: here
      contexts: [{name: here, context: {cluster: c}}]
      clusters: [{name: c, cluster: {server: 'https://\(name)'}}]
      """)
  }

  @Test func theFileGivenComesFirst() throws {
    let environment = ["KUBECONFIG": try kubeconfig("variable"), "HOME": folder.path]
    let connection = try KubernetesConnection.find(
      file: kubeconfig("flag"), environment: environment)
    #expect(connection.server == "https://flag")
  }

  @Test func thenTheVariable() throws {
    let environment = ["KUBECONFIG": try kubeconfig("variable"), "HOME": "/nonexistent"]
    #expect(
      try KubernetesConnection.find(file: nil, environment: environment).server
        == "https://variable")
  }

  @Test func theVariableMayHoldSeveralFiles() throws {
    let environment = ["KUBECONFIG": "/nonexistent/a:" + (try kubeconfig("second"))]
    #expect(
      try KubernetesConnection.find(file: nil, environment: environment).server == "https://second")
  }

  @Test(arguments: [[:], ["KUBECONFIG": ""]])
  func thenTheHomeFolder(_ variables: [String: String]) throws {
    try FileManager.default.createDirectory(
      atPath: "\(folder.path)/.kube", withIntermediateDirectories: false)
    try Data(contentsOf: URL(filePath: kubeconfig("home"))).write(
      to: URL(filePath: "\(folder.path)/.kube/config"))
    let environment = variables.merging(["HOME": folder.path]) { $1 }
    #expect(
      try KubernetesConnection.find(file: nil, environment: environment).server == "https://home")
  }

  @Test func aFileThatWasAskedForMustExist() {
    let error = #expect(throws: StartupError.self) {
      try KubernetesConnection.find(
        file: "/nonexistent/kubeconfig", environment: ["HOME": folder.path])
    }
    #expect(error?.description == "kubeconfig: /nonexistent/kubeconfig: No such file or directory")
  }

  @Test func aFolderIsNoKubeconfig() {
    let error = #expect(throws: StartupError.self) {
      try KubernetesConnection.find(file: folder.path, environment: [:])
    }
    #expect(error?.description == "kubeconfig: \(folder.path): Is a directory")
  }

  @Test func aVariableThatNamesNothingIsAnError() {
    let error = #expect(throws: StartupError.self) {
      try KubernetesConnection.find(
        file: nil, environment: ["KUBECONFIG": "/nonexistent/a:/nonexistent/b"])
    }
    #expect(error?.description == "KUBECONFIG: /nonexistent/a:/nonexistent/b does not exist")
  }

  @Test(arguments: [[:], ["HOME": "/nonexistent"], ["KUBERNETES_SERVICE_HOST": "10.0.0.1"]])
  func nothingAnywhereIsOneLineThatSaysWhatToDo(_ environment: [String: String]) {
    let error = #expect(throws: StartupError.self) {
      try KubernetesConnection.find(file: nil, environment: environment)
    }
    #expect(
      error?.description.hasPrefix("no Kubernetes connection: give --kubeconfig, or set KUBECONFIG")
        == true)
  }
}

extension KubernetesConnection.Credential: Equatable {
  public static func == (a: Self, b: Self) -> Bool {
    switch (a, b) {
    case (.none, .none): true
    case (.token(let x), .token(let y)): x == y
    case (.tokenFile(let x, let a), .tokenFile(let y, let b)): x == y && a == b
    case (.basic(let user, let password), .basic(let otherUser, let otherPassword)):
      user == otherUser && password == otherPassword
    case (.plugin(let x), .plugin(let y)):
      x.apiVersion == y.apiVersion && x.command == y.command && x.arguments == y.arguments
        && x.environment == y.environment && x.cluster == y.cluster
    default: false
    }
  }
}
