import FoundationEssentials
import Glibc
import Runtime
import Startup
import Text

/// Where PBS's commands are.
struct PBSInstallation: Sendable {
  /// PBS_EXEC: the folder that has bin/qsub.
  let exec: String

  /// Finds PBS_EXEC: the flag or configuration, the environment, /etc/pbs.conf (or
  /// $PBS_CONF_FILE), or the folder of a qsub in PATH.
  /// - Throws: `StartupError` when there is no qsub.
  static func find(configured: String?) throws -> PBSInstallation {
    let environment = ProcessInfo.processInfo.environment
    let file = environment["PBS_CONF_FILE"] ?? "/etc/pbs.conf"
    var candidates: [(String, String)] = []
    if let configured {
      candidates = [(configured, "--pbs-exec")]
    } else if let exec = environment["PBS_EXEC"], !exec.isEmpty {
      candidates = [(exec, "PBS_EXEC")]
    } else if let exec = execLine(of: file) {
      candidates = [(exec, file)]
    } else if let qsub = findProgram("qsub"), let bin = qsub.lastIndex(of: "/") {
      let folder = qsub[..<bin]
      let parent = folder.lastIndex(of: "/").map { String(folder[..<$0]) } ?? ""
      candidates = [(parent.isEmpty ? "/" : parent, "PATH")]
    }
    guard let (exec, source) = candidates.first else {
      throw StartupError("no PBS commands: give --pbs-exec, or set PBS_EXEC, or write \(file)")
    }
    for command in ["qsub", "qstat", "qselect", "qdel", "pbsnodes"] {
      guard access("\(exec)/bin/\(command)", X_OK) == 0 else {
        throw StartupError("no PBS commands: \(exec)/bin/\(command) is not a program (\(source))")
      }
    }
    return PBSInstallation(exec: exec)
  }

  func command(_ name: String) -> String { "\(exec)/bin/\(name)" }

  /// PBS's client library.
  var library: String { "\(exec)/lib/libpbs.so" }

  /// PBS's name for us.
  /// - Throws: `StartupError` when we have none.
  static func user() throws -> String {
    guard let entry = getpwuid(geteuid()) else {
      throw StartupError("user id \(geteuid()) has no name, which PBS needs")
    }
    return String(cString: entry.pointee.pw_name)
  }

  /// What whoever talks to PBS for us gets of our environment. PBS copies some of its caller's into
  /// the job; what a pod's job needs is in its own variables.
  static var environment: [String: String] {
    ProcessInfo.processInfo.environment.filter { name, _ in
      ["PATH", "HOME", "TMPDIR", "LANG"].contains(name) || name.hasPrefix("PBS_")
    }
  }

  private static func execLine(of file: String) -> String? {
    guard let data = FileManager.default.contents(atPath: file) else { return nil }
    for line in String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline) {
      let parts = line.split(separator: "=", maxSplits: 1)
      if parts.count == 2, parts[0].trimmingWhitespace() == "PBS_EXEC" {
        return parts[1].trimmingWhitespace()
      }
    }
    return nil
  }
}
