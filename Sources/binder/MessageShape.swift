/// What a message says when its numbers are left out. PBS's comments count free CPUs, and change
/// with every job that comes or goes: that is no news for the pod that waits.
struct MessageShape: Hashable, Sendable {
  /// A hash of the text, so that many can be remembered; it holds within one process.
  private let hash: Int

  init(_ message: String) {
    var hasher = Hasher()
    var isInNumber = false
    for octet in message.utf8 {
      let isDigit = (0x30...0x39).contains(octet)
      if !isDigit || !isInNumber { hasher.combine(isDigit ? UInt8(ascii: "0") : octet) }
      isInNumber = isDigit
    }
    hash = hasher.finalize()
  }
}
