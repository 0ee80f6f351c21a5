import Glibc
import Runtime
import Text

/// Tells the service manager how we are (sd_notify(3)): datagrams to the socket in NOTIFY_SOCKET.
@EventLoop
final class ServiceManager {
  /// Octets of a status; systemd keeps no longer line on its screen either.
  private static let statusLimit = 300

  private let path: String
  private var descriptor: Int32 = -1
  private var said: Set<String> = []
  private var status = ""

  /// Seconds between signs of life; nil where none are asked for (sd_watchdog_enabled(3)).
  let watchdogInterval: Double?

  /// - Parameter environment: the process's.
  /// - Returns: nil where no service manager listens.
  init?(environment: [String: String]) {
    guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@")
    else { return nil }
    self.path = path
    let isForUs = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
    let limit = environment["WATCHDOG_USEC"].flatMap(Double.init)
    watchdogInterval = isForUs ? limit.map { min(max($0 / 4e6, 0.1), 60) } : nil
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// The process has started; said once, and again after a reload.
  func ready() { once("READY=1") }

  /// The process ends.
  func stopping() { once("STOPPING=1") }

  /// The process is alive.
  func alive() { send("WATCHDOG=1") }

  /// The configuration is read again: the process is ready when it says so anew.
  func reloading() {
    said.remove("READY=1")
    // On that very clock, which systemd names.
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    send("RELOADING=1\nMONOTONIC_USEC=\(now.tv_sec * 1_000_000 + now.tv_nsec / 1000)")
  }

  /// What `systemctl status` shows; said when it has changed.
  func tell(_ words: String) {
    let words = PlainText.escaped(words, limit: Self.statusLimit)
    guard words != status, send("STATUS=\(words)") else { return }
    status = words
  }

  private func once(_ state: String) {
    guard !said.contains(state), send(state) else { return }
    said.insert(state)
  }

  /// Never waits: a manager that does not read loses what is said.
  @discardableResult
  private func send(_ state: String) -> Bool {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var octets = Array(path.utf8)
    guard octets.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
    // An abstract socket's name begins with a zero and has no end mark.
    if octets.first == UInt8(ascii: "@") { octets[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: octets) }
    let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    let length = socklen_t(start + octets.count)
    let message = Array(state.utf8)
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(
          descriptor, message, message.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL),
          $0, length) == message.count
      }
    }
  }
}
