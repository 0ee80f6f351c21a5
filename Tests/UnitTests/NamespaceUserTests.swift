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
    let words = policy.close(users) { PBSUser.lookUp($0) }
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
    let words = policy.close(SubmittingUsers(own: "pbs-broker", leastUID: 1)) {
      PBSUser.lookUp($0)
    }
    #expect(words.notice == "submits as PBS users daemon, each by processes of its own")
    #expect(
      words.warning
        == "cannot serve namespaces, whose pods are refused: b (user no-such-user), since there is no such user on this host"
    )
    #expect(try job(in: "a", policy).user == "daemon")
    #expect(try job(in: "c", policy).user == nil)
    #expect(throws: Refusal.self) { try job(in: "b", policy) }
    // Another table counts from then on.
    let other = policy.close(SubmittingUsers(own: "daemon")) { _ in .unknown }
    #expect(other.notice == nil)
    #expect(try job(in: "a", policy).user == "daemon")
  }

  @Test func withoutProofThereIsOneUser() throws {
    let users = try settings("{user: nobody}").submittingUsers(byCommands: false)
    #expect(users.obstacle == "all jobs are one user's with proof: owner")
    #expect(users.obstacle(to: users.own, nil) == nil)
  }

  @Test(arguments: [
    ("root", "its user id 0 is below least-uid, 1000"),
    ("daemon", "its user id 1 is below least-uid, 1000"),
    ("no-such-user", "there is no such user on this host"), ("nobody", nil),
  ])
  func notEverybodyCanBeSubmittedFor(_ name: String, _ obstacle: String?) {
    let found = SubmittingUsers(own: "pbs-broker").obstacle(to: name, PBSUser.lookUp(name))
    #expect(found == obstacle.map { .closed($0) })
  }

  /// A directory service that is away says nothing about anybody.
  @Test func whileTheHostDoesNotSayWhoAUserIsItsPodsWait() throws {
    var policy = try settings("{least-uid: 1, namespaces: {a: {user: anna}, b: {user: otto}}}")
      .policy
    let users = SubmittingUsers(own: "pbs-broker", leastUID: 1)
    let words = policy.close(users) { $0 == "anna" ? .failed("Connection refused") : nil }
    #expect(words.notice == nil)
    #expect(
      words.warning
        == "cannot serve namespaces now, whose pods wait: a (user anna), since this host does not say who that is: Connection refused; b (user otto), since this host has not said yet who that is"
    )
    let refusal = #expect(throws: Refusal.self) { try job(in: "a", policy) }
    #expect(refusal?.kind == .waits)
    #expect(
      refusal?.description
        == "jobs of namespace a are to be PBS user anna's (pbs-broker.namespaces.a.user): this host does not say who that is: Connection refused"
    )
    let anna = PBSUser(name: "anna", uid: 4001, home: "/", shell: "/bin/sh")
    #expect(policy.close(users) { _ in .known(anna) }.warning == nil)
    #expect(try job(in: "a", policy).user == "anna")
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
