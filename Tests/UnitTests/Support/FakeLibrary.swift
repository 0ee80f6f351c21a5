import FoundationEssentials
import Glibc

@testable import Runtime
@testable import pbs_broker

/// Tests/fakes/libpbs.c as the libpbs.so of a PBS_EXEC of its own, with commands beside it.
struct FakeLibrary {
  let scripted: ScriptedPBS

  var folder: TemporaryFolder { scripted.folder }
  var path: String { "\(folder.path)/lib/libpbs.so" }
  var installation: PBSInstallation { PBSInstallation(exec: folder.path) }

  /// - Parameter flags: of the compiler.
  @EventLoop init(flags: [String] = []) async throws {
    scripted = try ScriptedPBS()
    try FileManager.default.createDirectory(
      atPath: "\(folder.path)/lib", withIntermediateDirectories: false)
    let source = "\(#filePath.components(before: "/UnitTests/"))/fakes/libpbs.c"
    let result = try await ChildProcess.run(
      "/usr/bin/env",
      ["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", path, source] + flags,
      environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"],
      timeout: 120, clock: SystemClock())
    guard result.status == 0 else { throw POSIXFailure("cc: \(result.words)") }
    try folder.write("server", "pbsserver\n")
    try folder.write("jobs", "")
  }

  /// The broker's program, which is also the helper's, beside this one.
  static var program: String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let own = String(
      decoding: buffer.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return own.prefix(upTo: own.lastIndex(of: "/") ?? own.startIndex) + "/pbs-broker"
  }

  @EventLoop func pbs(
    timeout: Double = 30, users: SubmittingUsers = SubmittingUsers(own: "pbs-broker"),
    byProof: Bool = false, log: LogLines = LogLines()
  ) -> LibPBS {
    LibPBS(
      LibraryClient.Program(
        path: Self.program, arguments: [LibraryHelper.argument, path],
        environment: ["PBS_FAKE_FOLDER": folder.path, "HOME": "/home/pbs-broker"]),
      users: users, byProof: byProof, placeholder: ["/bin/sleep", "infinity"], timeout: timeout,
      clock: SystemClock(), log: log.logger)
  }

  /// What PBS tells of its jobs from now on.
  func tells(_ jobs: [String]) throws {
    try folder.write("jobs", jobs.map { $0 + "\n" }.joined())
  }

  /// Calls that are to go wrong, each once: "pbs_submit:crash".
  func troubles(_ troubles: String...) throws {
    try folder.write("trouble", troubles.map { $0 + "\n" }.joined())
  }

  /// All calls so far, with what they were given.
  var calls: [String] {
    let text = try? String(contentsOf: URL(filePath: "\(folder.path)/calls"), encoding: .utf8)
    return (text ?? "").split(separator: "\n").map(String.init)
  }

  func count(_ call: String) -> Int { calls.count { $0.hasPrefix(call) } }

  /// A job's line.
  static func job(
    _ id: String, _ state: String = "Q", comment: String = "Not Running", changed: Int = 100,
    uid: String = "uid-1"
  ) -> String {
    [
      id, "job_state=\(state)", "substate=10", "run_count=0", "comment=\(comment)",
      "Job_Owner=pbs-broker@host", "mtime=\(changed)",
      "Variable_List=PBS_O_HOME=/,KUBERNETES_POD_UID=\(uid),KUBERNETES_POD_NAME=redis",
      "Resource_List.select=1:ncpus=1", "Resource_List.walltime=01:00:00",
    ].joined(separator: "\t")
  }
}

extension StringProtocol {
  /// What stands before a part that is in it.
  fileprivate func components(before part: String) -> String {
    firstRange(of: part).map { String(self[..<$0.lowerBound]) } ?? String(self)
  }
}
