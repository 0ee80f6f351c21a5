import FoundationEssentials

/// What the real PBS commands printed: files of Tests/recordings/pbs.
enum Recordings {
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

  private static let folder: String = {
    // Tests/UnitTests/Support/Recordings.swift
    let tests = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
    return "\(tests)/recordings/pbs"
  }()
}
