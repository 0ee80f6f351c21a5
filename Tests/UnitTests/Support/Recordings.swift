import FoundationEssentials

/// What the real PBS commands printed: files of ../shared/pbs-recordings, beside the
/// repository, or where PBS_CONNECTOR_SHARED says.
enum Recordings {
  static let folder: String = {
    let environment = ProcessInfo.processInfo.environment
    let shared = environment["PBS_CONNECTOR_SHARED"] ?? "\(repository)/../shared"
    return "\(shared)/pbs-recordings"
  }()

  static let exist = FileManager.default.fileExists(atPath: folder)
  static let absence =
    "no recordings in ../shared/pbs-recordings (or PBS_CONNECTOR_SHARED)"

  /// A recording's standard output: without the command line before it and the exit status
  /// after it.
  static func output(_ name: String) throws -> Data {
    guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else {
      throw MissingRecording(name: name)
    }
    var lines = String(decoding: data, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    guard lines.first?.hasPrefix("$ ") == true,
      let exit = lines.lastIndex(where: { $0.hasPrefix("exit: ") })
    else { throw MissingRecording(name: name) }
    lines.removeSubrange(exit...)
    lines.removeFirst()
    return Data(lines.map { $0 + "\n" }.joined().utf8)
  }

  struct MissingRecording: Error {
    let name: String
  }

  private static let repository: String = {
    // Tests/UnitTests/Support/Recordings.swift
    #filePath.split(separator: "/").dropLast(4).map { "/\($0)" }.joined()
  }()
}
