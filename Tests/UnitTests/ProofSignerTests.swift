import FoundationEssentials
import Glibc
import Testing

@testable import Messages
@testable import Runtime
@testable import Startup
@testable import pbs_broker

/// Which keys are used, and what is signed with them.
@Suite(.runningLoop) struct ProofSignerTests {
  private static let redis = PodReference(uid: "u-1", namespace: "default", name: "redis")
  private static let first = String(repeating: "0a", count: 32)
  private static let second = String(repeating: "f7", count: 32)

  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func write(_ text: String, mode: mode_t = 0o400, name: String = "keys") throws -> String {
    let path = try folder.write(name, text)
    guard chmod(path, mode) == 0 else { throw POSIXFailure("chmod") }
    return path
  }

  private func complaint(_ text: String, mode: mode_t = 0o600) throws -> String {
    let path = try write(text, mode: mode)
    let error = #expect(throws: StartupError.self) { try ProofKeys(path: path) }
    let words = error?.description ?? ""
    #expect(words.hasPrefix(path) && !words.contains(Self.first))
    return words
  }

  // MARK: The file

  @Test(arguments: [
    first, first + "\n", "# a comment\n\n  \(first)  \n", first + "\r\n",
  ])
  func readsAKey(_ text: String) throws {
    let keys = try ProofKeys(path: write(text))
    #expect(keys.count == 1)
    #expect(keys.current.withUnsafeBytes { Array($0) } == Array(repeating: 0x0a, count: 32))
  }

  @Test func theFirstOfTwoIsTheCurrentOne() throws {
    let keys = try ProofKeys(path: write("# new\n\(Self.second)\n\(Self.first)\n"))
    #expect(keys.count == 2)
    #expect(keys.current.withUnsafeBytes { $0.first } == 0xf7)
  }

  @Test(arguments: [
    "", "# nothing", "secret", first.uppercased() + "A", first + "0", String(first.dropLast()),
    first + " " + second, [first, first, first].joined(separator: "\n"),
    String(repeating: "#", count: 5000), String(repeating: "é", count: 32), first + "\nx",
  ])
  func anythingElseIsNoKey(_ text: String) throws {
    #expect(try complaint(text).contains("something else than one or two keys"))
  }

  @Test(arguments: [0o640, 0o604, 0o620, 0o602, 0o610, 0o644] as [mode_t])
  func othersMayNotReachTheFile(_ mode: mode_t) throws {
    #expect(try complaint(Self.first, mode: mode).contains("others than its owner"))
  }

  @Test func aFileThatIsNoneIsRefused() throws {
    #expect(throws: StartupError.self) { try ProofKeys(path: folder.path) }
    #expect(throws: StartupError.self) { try ProofKeys(path: "\(folder.path)/missing") }
    let pipe = "\(folder.path)/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    #expect(throws: StartupError.self) { try ProofKeys(path: pipe) }
  }

  @Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
  func aFileOfAnotherUserIsRefused() throws {
    let path = try write(Self.first)
    #expect(chown(path, 12345, 12345) == 0)
    let error = #expect(throws: StartupError.self) { try ProofKeys(path: path) }
    #expect(error?.description.contains("belongs to user 12345") == true)
  }

  // MARK: Signing

  /// The fields of a token and its signature, not judged.
  private static func read(_ token: String) throws -> (fields: [String], signature: Substring) {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    try #require(parts.count == 3 && parts[0] == "1")
    let base64 = parts[1].map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
    let padded = String(base64) + String(repeating: "=", count: (4 - base64.count % 4) % 4)
    let payload = try #require(Data(base64Encoded: padded))
    let text = String(decoding: payload, as: UTF8.self)
    return (text.components(separatedBy: "\n"), parts[2])
  }

  @Test @EventLoop func signsForThePodTheUserAndTheNextMinutes() throws {
    let signer = try ProofSigner(
      path: write(Self.first), user: "pbs-broker", host: "login1", clock: SystemClock(),
      log: LogLines().logger)
    #expect(signer.user == "pbs-broker@login1")
    let before = Int(Date().timeIntervalSince1970)
    let token = try signer.token(for: Self.redis, cluster: "east", select: "1:ncpus=1")
    let (fields, signature) = try Self.read(token)
    #expect(fields.prefix(5) == ["east", "u-1", "default", "redis", "pbs-broker@login1"])
    let expiry = try #require(Int(fields[5]))
    #expect((before + 300...before + 360).contains(expiry))
    #expect(fields[6].utf8.count == 22)
    let expected = ProofToken(
      cluster: "east", uid: "u-1", namespace: "default", name: "redis", user: "pbs-broker@login1",
      expiry: expiry, nonce: fields[6])
    let key = try ProofKeys(path: "\(folder.path)/keys").current
    #expect(expected.text(select: "1:ncpus=1", key: key) == token)
    #expect(!expected.text(select: "1:ncpus=2", key: key).hasSuffix(signature))
  }

  @Test @EventLoop func noTokenComesTwice() throws {
    let signer = try ProofSigner(
      path: write(Self.first), user: "pbs-broker", host: "h", clock: SystemClock(),
      log: LogLines().logger)
    let tokens = try (0..<100).map { _ in
      try signer.token(for: Self.redis, cluster: "east", select: "1")
    }
    #expect(Set(tokens).count == 100)
  }

  @Test @EventLoop func withoutAHostItIsThisOnes() throws {
    let signer = try ProofSigner(
      path: write(Self.first), user: "u", host: nil, clock: SystemClock(), log: LogLines().logger)
    #expect(signer.user.hasPrefix("u@") && signer.user.utf8.count > 2)
  }

  @Test @EventLoop func whatCannotStandInATokenSaysWhoseFaultItIs() throws {
    let signer = try ProofSigner(
      path: write(Self.first), user: "u", host: "h", clock: SystemClock(), log: LogLines().logger)
    let pod = PodReference(uid: "a_b", namespace: "default", name: "redis")
    #expect(
      throws: PBSError.refused("the pod's uid cannot stand in a proof of submission")
    ) { try signer.token(for: pod, cluster: "east", select: "1") }
    #expect(
      throws: PBSError.unauthorized("cluster -x cannot stand in a proof of submission")
    ) { try signer.token(for: Self.redis, cluster: "-x", select: "1") }
  }

  @Test @EventLoop func keysThatChangeAreReadAgain() throws {
    let lines = LogLines()
    let path = try write(Self.first)
    let signer = try ProofSigner(
      path: path, user: "u", host: "h", clock: SystemClock(), log: lines.logger)
    func signed(with key: String) throws -> Bool {
      let token = try signer.token(for: Self.redis, cluster: "east", select: "1")
      let (fields, _) = try Self.read(token)
      let other = try ProofKeys(path: write(key, name: "other"))
      let again = ProofToken(
        cluster: "east", uid: "u-1", namespace: "default", name: "redis", user: "u@h",
        expiry: try #require(Int(fields[5])), nonce: fields[6])
      return again.text(select: "1", key: other.current) == token
    }
    #expect(try signed(with: Self.first))
    #expect(unlink(path) == 0)
    #expect(try signed(with: Self.first), "without the file the former key is used")
    #expect(try signed(with: Self.first))
    _ = try write("\(Self.second)\n\(Self.first)\n")
    #expect(try signed(with: Self.second))
    #expect(unlink(path) == 0)
    _ = try write(Self.first + "\n", mode: 0o644)
    #expect(try signed(with: Self.second), "a file that others can read is not used")
    #expect(chmod(path, 0o400) == 0)
    #expect(try signed(with: Self.first))
    #expect(lines.all.count { $0.hasPrefix("error") } == 2)
    #expect(lines.all.count { $0.hasPrefix("notice") } == 2)
    #expect(!lines.all.contains { $0.contains(Self.first) || $0.contains(Self.second) })
  }
}
