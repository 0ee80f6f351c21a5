import FoundationEssentials
import Glibc
import Runtime

/// Reads a whole file.
/// - Parameter field: what names the file, for the error.
/// - Throws: ``StartupError`` that names it.
public func readFile(_ path: String, _ field: String) throws -> Data {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else {
    throw StartupError("\(field): \(path): \(errorText(errno))")
  }
  defer { close(descriptor) }
  var data = Data()
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = read(descriptor, &buffer, buffer.count)
    if count == 0 { return data }
    guard count > 0 else {
      if errno == EINTR { continue }
      throw StartupError("\(field): \(path): \(errorText(errno))")
    }
    data.append(contentsOf: buffer[..<count])
  }
}
