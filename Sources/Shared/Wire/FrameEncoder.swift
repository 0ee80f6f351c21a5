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
    do {
      json = try encode()
    } catch {
      log.error("\(path): \(key) cannot be told: \(error)")
      return nil
    }
    return frame(owned(json, owner, of: key), of: key)
  }

  private func frame(_ json: Data, of key: String) -> Data? {
    guard Frame.fits(json) else {
      if tooLarge.insert(key).inserted {
        log.error(
          "\(path): \(key) is not told: \(json.count) octets are over the limit of \(Frame.limit)")
      }
      return nil
    }
    if tooLarge.remove(key) != nil { log.notice("\(path): \(key) can be told again") }
    return Frame.encode(json)
  }

  /// The JSON object with an `owner` put in front of its members.
  private func owned(_ json: Data, _ owner: String?, of key: String) -> Data {
    guard let owner else { return json }
    do {
      let name = try JSONEncoder().encode(owner)
      return Data("{\"owner\":".utf8) + name + Data(",".utf8) + json.dropFirst()
    } catch {
      log.error("\(path): \(key) is told without its owner \(owner): \(error)")
      return json
    }
  }
}
