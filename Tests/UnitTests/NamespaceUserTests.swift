import Glibc
import Testing

@testable import Kubernetes
@testable import Startup
@testable import pbs_broker

/// Which PBS user a namespace's jobs are, and what becomes of pods whose user nobody can be.
@Suite struct NamespaceUserTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func settings(_ text: String) throws -> BrokerSettings {
    let path = try folder.write("config.yaml", "pbs-broker:\n  \(text)")
    return try BrokerSettings(Settings(path: path, program: "pbs-broker"))
  }

  private static let policy =
    "{least-uid: 1, user: games, namespaces: {physics: {user: daemon}, team-*: {user: bin},"
    + " own: {user: pbs-broker}, default: {}}}"

  private func job(in namespace: String, _ policy: TranslationPolicy) throws -> JobDescription {
    var pod = try Pod.with()
    pod.metadata.namespace = namespace
    return try PodTranslation.job(for: pod, in: TranslationContext(policy: policy))
  }

  @Test(arguments: [
    ("physics", "daemon"), ("team-a", "bin"), ("elsewhere", "games"), ("own", "pbs-broker"),
  ])
  func aJobIsItsNamespacesUsers(_ namespace: String, _ user: String) throws {
    #expect(try job(in: namespace, settings(Self.policy).policy).user == user)
  }

  @Test func withoutTheKeyItIsOurOwn() throws {
    #expect(try job(in: "a", settings("{}").policy).user == nil)
  }

  /// No annotation names a user, known ones neither.
  @Test func aPodCannotChooseAUser() throws {
    let policy = try settings("{least-uid: 1, annotations: all, user: daemon}").policy
    var pod = try Pod.with()
    pod.metadata.annotations = [
      "pbs-connector/user": "games", "pbs-connector/account": "games",
      "pbs-connector/group": "games",
    ]
    let job = try PodTranslation.job(for: pod, in: TranslationContext(policy: policy))
    #expect(job.user == "daemon")
    #expect(OptionKey.unknownAnnotations(of: pod) == ["pbs-connector/user"])
  }

  @Test func withoutTheRightItIsRefusedAndSaidInOneLine() throws {
    var policy = try settings(Self.policy).policy
    let users = SubmittingUsers(own: "pbs-broker", leastUID: 1, obstacle: "it is not root")
    let words = policy.close(users)
    #expect(words.notice == nil)
    #expect(
      words.warning
        == "cannot serve namespaces, whose pods are refused: default (user games), physics (user daemon), team-* (user bin), since it is not root"
    )
    #expect(
      throws: Refusal(
        "jobs of namespace physics are to be PBS user daemon's (pbs-broker.namespaces.physics.user), which pbs-broker cannot be: it is not root"
      )
    ) { try job(in: "physics", policy) }
    #expect(try job(in: "own", policy).user == "pbs-broker")
  }

  @Test func withTheRightAllAreServedWhomTheHostKnows() throws {
    var policy = try settings(
      "{least-uid: 1, namespaces: {a: {user: daemon}, b: {user: no-such-user}, c: {}}}"
    ).policy
    let words = policy.close(SubmittingUsers(own: "pbs-broker", leastUID: 1))
    #expect(words.notice == "submits as PBS users daemon, each by processes of its own")
    #expect(
      words.warning
        == "cannot serve namespaces, whose pods are refused: b (user no-such-user), since there is no such user on this host"
    )
    #expect(try job(in: "a", policy).user == "daemon")
    #expect(try job(in: "c", policy).user == nil)
    #expect(throws: Refusal.self) { try job(in: "b", policy) }
    // Another table counts from then on.
    #expect(policy.close(SubmittingUsers(own: "daemon")).notice == nil)
    #expect(try job(in: "a", policy).user == "daemon")
  }

  @Test func withoutProofThereIsOneUser() throws {
    let users = try settings("{user: nobody}").submittingUsers(byCommands: false)
    #expect(users.obstacle == "all jobs are one user's with proof: owner")
    #expect(users.obstacle(to: users.own) == nil)
  }

  @Test(arguments: [
    ("root", "its user id 0 is below least-uid, 1000"),
    ("daemon", "its user id 1 is below least-uid, 1000"),
    ("no-such-user", "there is no such user on this host"), ("nobody", nil),
  ])
  func notEverybodyCanBeSubmittedFor(_ name: String, _ obstacle: String?) {
    #expect(SubmittingUsers(own: "pbs-broker").obstacle(to: name) == obstacle)
  }

  @Test func ofOtherUsersOnlyWhatEachCommandNeedsIsInTheirEnvironment() throws {
    let user = PBSUser(name: "alice", uid: 4002, home: "/home/alice", shell: "/bin/zsh")
    let own = [
      "PATH": "/opt/own", "HOME": "/home/own", "TMPDIR": "/tmp/own", "PBS_EXEC": "/opt/pbs",
      "SECRET": "1", "LANG": "C.UTF-8",
    ]
    #expect(
      user.environment(own: own) == [
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/home/alice", "SHELL": "/bin/zsh",
        "USER": "alice", "LOGNAME": "alice", "PBS_EXEC": "/opt/pbs", "LANG": "C.UTF-8",
      ])
  }
}
