import FoundationEssentials
import Glibc
import Runtime

/// One connected peer of a publisher.
@EventLoop
final class Subscriber {
  /// Octets in its queue up to which its snapshot is sent on.
  static let snapshotQueue = 1 << 20

  let connection: FrameConnection
  let peer: SocketListener.Peer
  /// Its place among all that have connected.
  let number: Int
  var hello: ControlMessage.Hello?
  var helloTimer: (any Timer)?
  var lastHeard: Double
  /// What is still to be sent of the snapshot; `pending` holds the keys that count.
  private var snapshot: [Published] = []
  private var pending: Set<String> = []
  private var owesSynced = false
  /// `synced` has been sent.
  private var isTold = false

  init(_ connection: FrameConnection, _ peer: SocketListener.Peer, number: Int, now: Double) {
    self.connection = connection
    self.peer = peer
    self.number = number
    lastHeard = now
  }

  var isGreeted: Bool { hello != nil }

  var name: String { hello?.instance ?? "process \(peer.process)" }

  /// Starts a snapshot, which ``next()`` gives object by object.
  func begin(_ objects: [Published]) {
    snapshot = objects
    pending = Set(objects.map(\.key))
    // Once a connection: to who has heard all, a second `synced` would say that all is gone.
    owesSynced = !isTold
  }

  /// The snapshot's next object to send; nil at its end.
  func next() -> Published? {
    while let object = snapshot.popLast() {
      // Gone or sent since then: the newer word stands.
      if pending.remove(object.key) != nil { return object }
    }
    return nil
  }

  /// Ends the snapshot once all of it has been sent.
  /// - Returns: whether `synced` is to be sent now; true only once.
  func endSnapshot() -> Bool {
    guard snapshot.isEmpty, owesSynced else { return false }
    owesSynced = false
    isTold = true
    return true
  }

  /// Sends a change; what the snapshot still holds of this object is out of date then.
  func send(_ frame: Data, about key: String) {
    pending.remove(key)
    connection.send(frame)
  }

  func forget(_ key: String) {
    pending.remove(key)
  }
}
