import Glibc

/// Tells of the ends of this process's children, each once.
@EventLoop
package enum ChildEnds {
  private static var handlers: [pid_t: @EventLoop (Int32) -> Void] = [:]
  private static var source: EventSource?

  /// Calls `handler` at the end of a child that has just been started.
  /// - Parameter handler: gets the exit status; 128 plus the signal's number when a signal ended it.
  package static func watch(_ pid: pid_t, handler: @escaping @EventLoop (Int32) -> Void) {
    if source == nil { source = EventSource.signal(SIGCHLD) { reap() } }
    handlers[pid] = handler
  }

  private static func reap() {
    for (pid, handler) in handlers {
      var status: Int32 = 0
      guard waitpid(pid, &status, WNOHANG) == pid else { continue }
      handlers[pid] = nil
      let signal = status & 0x7f
      handler(signal == 0 ? (status >> 8) & 0xff : 128 + signal)
    }
  }
}
