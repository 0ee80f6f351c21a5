import Glibc
import Text

/// Lines to standard error, each with one write, so that the lines of several processes
/// that share it are not mixed.
public enum StandardError {
  /// The most octets of a line; what peers and servers say may be longer.
  private static let longest = 16384

  /// Prints one line, whatever peers and servers have put into the text: this is the one place
  /// at which everything that a process says is escaped.
  public static func print(_ text: String) {
    var bytes = Array((line(text) + "\n").utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if count < 0, errno != EINTR { return }
      bytes = bytes.dropFirst(max(count, 0))
    }
  }

  /// The text as it is printed.
  static func line(_ text: String) -> String {
    PlainText.escaped(text, limit: longest)
  }
}
