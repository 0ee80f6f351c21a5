import CLinux
import Glibc
import Text

/// Catches what libpbs and its helpers print on standard output and error, which may be the only
/// place where they say what is wrong.
final class PrintedWords {
  private let reader: Int32

  /// Takes over both descriptors; without a pipe they go nowhere.
  init() {
    var ends: [Int32] = [-1, -1]
    guard connector_pipe(&ends) == 0 else {
      reader = -1
      return
    }
    reader = ends[0]
    for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    dup2(ends[1], 1)
    dup2(ends[1], 2)
    close(ends[1])
  }

  /// What has been printed since the last time, on one line; empty for nothing.
  func take() -> String {
    guard reader >= 0 else { return "" }
    var octets = [UInt8](repeating: 0, count: 65536)
    let count = read(reader, &octets, octets.count)
    guard count > 0 else { return "" }
    return String(decoding: octets[..<count].prefix(1000), as: UTF8.self)
      .split(whereSeparator: \.isNewline).map { $0.trimmingWhitespace() }.joined(separator: "; ")
  }
}
