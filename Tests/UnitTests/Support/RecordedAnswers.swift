import FoundationEssentials

/// What a real PBS's commands answered: files of Tests/recordings.
struct RecordedAnswer {
  let standardOutput: Data
  let standardError: String
  let status: Int32

  /// Reads FOLDER/FILE: "$ COMMAND", standard output, "stderr: " lines, "exit: N".
  init(_ name: String) throws {
    guard let data = FileManager.default.contents(atPath: "\(Self.folder)/\(name)") else {
      throw Missing(name: name)
    }
    var lines = String(decoding: data, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    guard lines.removeFirst().hasPrefix("$ "), lines.popLast() == "",
      let exit = lines.popLast(), exit.hasPrefix("exit: "), let status = Int32(exit.dropFirst(6))
    else { throw Missing(name: name) }
    self.status = status
    let isError: (Substring) -> Bool = { $0.hasPrefix("stderr: ") }
    standardError = lines.filter(isError).map { $0.dropFirst(8) + "\n" }.joined()
    let output = lines.filter { !isError($0) }
    standardOutput = Data(output.map { $0 + "\n" }.joined().utf8)
  }

  struct Missing: Error {
    let name: String
  }

  // Tests/UnitTests/Support/RecordedAnswers.swift
  private static let folder =
    #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/recordings"
}
