import FoundationEssentials
import Logging
import Runtime

/// Makes a server's frames. What cannot be told is left out, and logged with its name: a frame
/// that is too large would end the reader's connection, and with it everybody's work.
@EventLoop
final class FrameEncoder {
  private let path: String
  private let log: Logger
  /// Keys of objects that are too large for a frame.
  private var tooLarge: Set<String> = []
  /// How objects of the owner begin that was told last: most are one's.
  private var last: (owner: String, beginning: Data)?

  /// - Parameter path: the socket's, for the log.
  init(path: String, log: Logger) {
    self.path = path
    self.log = log
  }

  /// An object's frame; nil when it cannot be told.
  func frame(_ object: Published, owner: String?) -> Data? {
    frame(of: object.key, owner: owner, object.encode)
  }

  /// A message's frame; nil when it cannot be told.
  /// - Parameter key: what the message is about, for the log.
  func frame(_ message: some Encodable, of key: String, owner: String? = nil) -> Data? {
    frame(of: key, owner: owner) { try JSONEncoder().encode(message) }
  }

  /// The object is no longer.
  func forget(_ key: String) {
    tooLarge.remove(key)
  }

  private func frame(of key: String, owner: String?, _ encode: () throws -> Data) -> Data? {
    let json: Data
    let owned: Data?
    do {
      json = try encode()
      owned = try owner.map(self.owned)
    } catch {
      log.error("\(path): \(key) cannot be told: \(error)")
      return nil
    }
    let size = json.count + (owned.map { $0.count - 1 } ?? 0)
    guard size < Frame.limit else {
      if tooLarge.insert(key).inserted {
        log.error(
          "\(path): \(key) is not told: \(size) octets are over the limit of \(Frame.limit)")
      }
      return nil
    }
    if !tooLarge.isEmpty, tooLarge.remove(key) != nil {
      log.notice("\(path): \(key) can be told again")
    }
    return Frame.encode(json, beginningWith: owned)
  }

  /// How an object with this owner begins.
  private func owned(_ owner: String) throws -> Data {
    if let last, last.owner == owner { return last.beginning }
    let name = try JSONEncoder().encode(owner)
    let beginning = Data("{\"owner\":".utf8) + name + Data(",".utf8)
    last = (owner, beginning)
    return beginning
  }
}
