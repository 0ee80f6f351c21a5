import Crypto
import FoundationEssentials
import Glibc
import Startup
import Text

/// The keys that pbs-broker and PBS's server share, the current one first: a file of 64 hexadecimal
/// digits a line, at most two of them, with comments. (docs/hooks.md, "The keys".)
struct ProofKeys: Sendable, Equatable {
  /// The most octets of the file, as in the server's hook.
  static let fileLimit = 4096

  /// The one to sign with.
  let current: SymmetricKey
  /// How many there are, 1 or 2.
  let count: Int

  /// Which state of the file it is: another one means that it has to be read again.
  struct State: Equatable, Sendable {
    private let numbers: [Int]

    init(_ status: stat) {
      numbers = [
        Int(status.st_dev), Int(bitPattern: UInt(status.st_ino)), Int(status.st_size),
        Int(status.st_mode), Int(status.st_uid), status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
        status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
      ]
    }

    /// The state of the file of this name; nil when there is none.
    static func of(_ path: String) -> State? {
      var status = stat()
      return stat(path, &status) == 0 ? State(status) : nil
    }
  }

  /// Reads the file.
  /// - Throws: ``StartupError`` where it cannot be read, is another's than root's or ours, may be
  ///   read or written by others, or holds anything else than keys. No message tells what it holds.
  init(path: String) throws(StartupError) {
    // A pipe of that name must not stop the process.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw StartupError("\(path): cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw StartupError("\(path): is no file")
    }
    guard status.st_uid == 0 || status.st_uid == geteuid() else {
      throw StartupError("\(path): belongs to user \(status.st_uid), not to root or to pbs-broker")
    }
    guard status.st_mode & 0o077 == 0 else {
      throw StartupError("\(path): others than its owner may read or write it (chmod 0400)")
    }
    var octets = [UInt8](repeating: 0, count: Self.fileLimit + 1)
    var length = 0
    while length < octets.count {
      let count = octets.withUnsafeMutableBytes { buffer in
        read(descriptor, buffer.baseAddress.map { $0 + length }, buffer.count - length)
      }
      guard count >= 0 else {
        throw StartupError("\(path): cannot be read: \(String(cString: strerror(errno)))")
      }
      if count == 0 { break }
      length += count
    }
    guard length <= Self.fileLimit, let keys = Self.keys(octets.prefix(length)) else {
      throw StartupError("\(path): holds something else than one or two keys")
    }
    current = keys[0]
    count = keys.count
  }

  /// One or two keys; nil for anything else.
  private static func keys(_ octets: ArraySlice<UInt8>) -> [SymmetricKey]? {
    var keys: [SymmetricKey] = []
    for line in octets.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
      let text = String(decoding: line, as: UTF8.self).trimmingWhitespace()
      if text.isEmpty || text.hasPrefix("#") { continue }
      guard let key = key(text) else { return nil }
      keys.append(key)
    }
    return (1...2).contains(keys.count) ? keys : nil
  }

  private static func key(_ text: String) -> SymmetricKey? {
    let digits = text.utf8.compactMap { octet -> UInt8? in
      switch octet {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): octet - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): octet - UInt8(ascii: "a") + 10
      default: nil
      }
    }
    guard digits.count == 64, text.utf8.count == 64 else { return nil }
    let octets = stride(from: 0, to: 64, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    return SymmetricKey(data: octets)
  }
}
