import Glibc
import Synchronization

/// A server on a port of 127.0.0.1 that sends the same octets to whoever has sent something, and
/// then neither reads nor closes.
final class TCPServer: Sendable {
  let port: Int
  private let listening: Int32
  private let accepted = Accepted()

  private final class Accepted: Sendable {
    let links = Mutex<[Int32]>([])
  }

  /// How many have connected.
  var connections: Int { accepted.links.withLock { $0.count } }

  init(answer: String) throws {
    let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let size = length
    let done = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listening, $0, size) == 0 && listen(listening, 16) == 0
          && getsockname(listening, $0, &length) == 0
      }
    }
    guard listening >= 0, done else { throw POSIXFailure("listen") }
    self.listening = listening
    port = Int(UInt16(bigEndian: address.sin_port))
    let thread = Thread { [accepted] in
      while true {
        let link = accept(listening, nil, nil)
        guard link >= 0 else { return }
        accepted.links.withLock { $0.append(link) }
        var buffer = [UInt8](repeating: 0, count: 65536)
        guard read(link, &buffer, buffer.count) > 0 else { continue }
        let octets = Array(answer.utf8)
        _ = send(link, octets, octets.count, Int32(MSG_NOSIGNAL))
      }
    }
    thread.start()
  }

  deinit {
    _ = shutdown(listening, Int32(SHUT_RDWR))
    close(listening)
    for link in accepted.links.withLock({ $0 }) { close(link) }
  }

  /// A thread of the C library's: FoundationEssentials has none.
  private final class Thread: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
      self.body = body
    }

    func start() {
      var thread = pthread_t()
      let context = Unmanaged.passRetained(self).toOpaque()
      let result = pthread_create(
        &thread, nil,
        { context in
          guard let context else { return nil }
          Unmanaged<Thread>.fromOpaque(context).takeRetainedValue().body()
          return nil
        }, context)
      precondition(result == 0, "pthread_create: \(String(cString: strerror(result)))")
      pthread_detach(thread)
    }
  }
}
