import FoundationEssentials

@testable import Runtime
@testable import pbs_broker

/// PBS's commands played by scripts, each of which prints the same whenever it is called.
struct ScriptedPBS {
  let folder: TemporaryFolder

  /// There is a qstat from the start, which answers `-B` as "pbsserver".
  init() throws {
    folder = try TemporaryFolder()
    try FileManager.default.createDirectory(
      atPath: "\(folder.path)/bin", withIntermediateDirectories: false)
    try command("qstat")
  }

  /// A command that prints `output` and `error` and ends with a status. It notes its arguments, one
  /// a line, save those of `qstat -B`.
  func command(_ name: String, output: Data = Data(), error: String = "", status: Int32 = 0) throws
  {
    try answers(name, [(output, error, status)])
  }

  /// A command that gives these answers one after the other, and then the last one for ever.
  func answers(_ name: String, _ answers: [(output: Data, error: String, status: Int32)]) throws {
    for (number, answer) in answers.enumerated() {
      try folder.write("\(name).\(number).out", String(decoding: answer.output, as: UTF8.self))
      try folder.write("\(name).\(number).err", answer.error)
      try folder.write("\(name).\(number).status", "\(answer.status)")
    }
    try script(
      name,
      """
      printf '%s\\n' "$@" >>\(name).arguments
      printf . >>\(name).calls
      number=$(($(wc -c <\(name).calls) - 1))
      [ -e \(name).$number.out ] || number=\(answers.count - 1)
      cat \(name).$number.out
      cat \(name).$number.err >&2
      exit $(cat \(name).$number.status)
      """)
  }

  /// A command that is a shell script.
  func script(_ name: String, _ script: String) throws {
    try folder.write(
      "bin/\(name)",
      """
      #!/bin/sh
      cd '\(folder.path)'
      if [ \(name) = qstat ] && [ "$1" = -B ]; then
        printf 'Server: pbsserver\\n    server_state = Active\\n\\n'
        exit 0
      fi
      \(script)
      """, executable: true)
  }

  /// All arguments that a command has been given so far.
  func arguments(of name: String) throws -> [String] {
    try String(contentsOf: URL(filePath: "\(folder.path)/\(name).arguments"), encoding: .utf8)
      .split(separator: "\n").map(String.init)
  }

  @EventLoop func pbs(
    connectionsPerMinute: Int = 1000, timeout: Double = 60, users: SubmittingUsers? = nil,
    byProof: Bool = false, log: LogLines = LogLines()
  ) throws -> PBSCommands {
    let own = SubmittingUsers(own: try PBSInstallation.user())
    return PBSCommands(
      PBSInstallation(exec: folder.path), users: users ?? own, byProof: byProof,
      placeholder: ["/bin/sleep", "infinity"], timeout: timeout,
      connectionsPerMinute: connectionsPerMinute, program: FakeLibrary.program,
      clock: SystemClock(), log: log.logger)
  }

  static let job = JobDescription(
    name: "redis", chunks: [.init(ncpus: 1, memory: 671_088_640, host: nil, others: [:])],
    walltime: nil, queue: nil,
    environment: [("KUBERNETES_POD_UID", "uid-1"), ("KUBERNETES_POD_NAME", "redis")])
}

extension PBSError {
  var isUnavailable: Bool { if case .unavailable = self { true } else { false } }
}
