import FoundationEssentials
import Logging
import Messages
import Runtime
import Wire

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

  /// The most octets of a hint's frame: an id and an event are short.
  static let frameLimit = 1024
  /// Seconds that a connection may last: a hook writes its hint and closes.
  static let connectionLife = 10.0

  private let path: String
  private let log: Logger
  private let listener: FrameListener
  private let complaints: RepeatedLine

  /// Gets a job's id.
  var onHint: (@EventLoop (JobID) -> Void)?

  init(path: String, allowedPeers: [UInt32], clock: any Clock, log: Logger) throws {
    self.path = path
    self.log = log
    complaints = RepeatedLine(clock: clock, log: log)
    listener = try FrameListener(
      path: path, allowedPeers: allowedPeers, frameLimit: Self.frameLimit,
      life: Self.connectionLife, clock: clock, log: log)
    listener.onFrame = { [unowned self] json in receive(json) }
  }

  private func receive(_ json: Data) {
    guard let hint = Self.hint(json), let job = JobID(hint.job) else {
      return complaints.warn("\(path): a message is no hint, ignored", cause: "no hint")
    }
    // There may be many thousands of them.
    log.trace("hint: \(hint.event ?? "?") of job \(job)")
    onHint?(job)
  }

  /// A message as a hint; nil when it is none.
  nonisolated static func hint(_ json: Data) -> Hint? {
    guard let hint = try? JSONDecoder().decode(Hint.self, from: json), hint.type == "hint",
      JobID(hint.job) != nil
    else { return nil }
    return hint
  }
}
