import FoundationEssentials
import Logging
import Shared

/// The socket on which PBS's server hooks say "look at this job now". A hint is never
/// believed, only followed: whoever may write here can make the broker look, no more.
@EventLoop
final class HintListener {
  /// The only message: type, job id, and the hook event for the log.
  struct Hint: Decodable {
    var type: String
    var job: String
    var event: String?
  }

  private let path: String
  private let log: Logger
  private let listener: FrameListener
  private var hasComplained = false

  /// Gets a job's id.
  var onHint: (@EventLoop (String) -> Void)?

  init(path: String, allowedPeers: [UInt32], log: Logger) throws {
    self.path = path
    self.log = log
    listener = try FrameListener(path: path, allowedPeers: allowedPeers, log: log)
    listener.onFrame = { [unowned self] json in receive(json) }
  }

  private func receive(_ json: Data) {
    guard let hint = Self.hint(json) else {
      if !hasComplained { log.warning("\(path): a message is no hint, ignored") }
      hasComplained = true
      return
    }
    log.debug("hint: \(hint.event ?? "?") of job \(hint.job)")
    onHint?(hint.job)
  }

  /// A message as a hint; nil when it is none.
  nonisolated static func hint(_ json: Data) -> Hint? {
    guard let hint = try? JSONDecoder().decode(Hint.self, from: json), hint.type == "hint",
      isJobID(hint.job)
    else { return nil }
    return hint
  }

  /// Whether this has the form of a job's id ("5.server"; "7[3].server" and "7[].server" of an
  /// array). On anything else qstat fails, whatever other jobs it is asked about.
  private nonisolated static func isJobID(_ text: String) -> Bool {
    let isDigit: (UInt8) -> Bool = { (0x30...0x39).contains($0) }
    let sequence = text.utf8.prefix(while: isDigit)
    var rest = text.utf8.dropFirst(sequence.count)
    if rest.first == UInt8(ascii: "[") {
      rest = rest.dropFirst().drop(while: isDigit)
      guard rest.popFirst() == UInt8(ascii: "]") else { return false }
    }
    let isOfName: (UInt8) -> Bool = { octet in
      isDigit(octet) || (0x41...0x5A).contains(octet & 0xDF) || ".-_".utf8.contains(octet)
    }
    return !sequence.isEmpty && text.utf8.count < 256
      && (rest.isEmpty || (rest.popFirst() == UInt8(ascii: ".") && rest.allSatisfy(isOfName)))
  }
}
