import FoundationEssentials

@testable import Runtime
@testable import Wire

/// A publisher with numbered objects, one for each pod UID, as kube-watcher and pbs-broker
/// have theirs.
@EventLoop
final class Shelf {
  let publisher: Publisher
  let log = LogLines()
  /// Values by UID.
  private(set) var values: [String: Int]
  /// Messages of subscribers: instance and JSON.
  let answers = Heard<(instance: String, json: String)>()

  private struct Object: Encodable, Sendable {
    var type = "object"
    var name: String
    var value: Int
  }

  private struct Gone: Encodable {
    var type = "object-gone"
    var name: String
  }

  init(_ path: String, objects: Int = 0, synced: Bool = true, allowedPeers: [UInt32] = []) throws {
    publisher = try Publisher(
      path: path, role: .pbsBroker, instance: "broker-1", consumers: .binder,
      allowedPeers: allowedPeers,
      clock: SystemClock(), log: log.logger)
    values = Dictionary(uniqueKeysWithValues: (0..<objects).map { ("uid-\($0)", $0) })
    publisher.objects = { [unowned self] in values.map { published($0.key, $0.value) } }
    publisher.onMessage = { [answers] instance, json in
      answers.add((instance, String(decoding: json.text, as: UTF8.self)))
    }
    publisher.setSynced(synced)
  }

  func put(_ uid: String, _ value: Int) {
    values[uid] = value
    publisher.publish(published(uid, value))
  }

  func take(_ uid: String) {
    values[uid] = nil
    publisher.announce(key: uid, uid: uid, Gone(name: uid))
  }

  private func published(_ uid: String, _ value: Int) -> Published {
    Published(key: uid, uid: uid) { try JSONEncoder().encode(Object(name: uid, value: value)) }
  }
}
