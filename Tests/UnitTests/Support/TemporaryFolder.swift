import FoundationEssentials
import Glibc

/// A folder of one test's own, removed with this object.
final class TemporaryFolder: Sendable {
  /// Absolute, and short enough for sockets in it.
  let path: String

  init() throws {
    var template = Array("/tmp/pbs-connector.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw POSIXFailure("mkdtemp") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // Listening on a socket changes the process's umask for a moment, so the mode that
    // mkdtemp gave may lack a bit; others may pass, for tests of who may connect.
    guard chmod(path, 0o711) == 0 else { throw POSIXFailure("chmod") }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Writes a file and returns its path.
  @discardableResult
  func write(_ name: String, _ text: String, executable: Bool = false) throws -> String {
    let file = "\(path)/\(name)"
    try Data(text.utf8).write(to: URL(filePath: file))
    guard chmod(file, executable ? 0o755 : 0o644) == 0 else { throw POSIXFailure("chmod") }
    return file
  }
}

/// A system call that failed where a test needed it.
struct POSIXFailure: Error, CustomStringConvertible {
  let description: String

  init(_ call: String) {
    description = "\(call): \(String(cString: strerror(errno)))"
  }
}
