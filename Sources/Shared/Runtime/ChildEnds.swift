import Glibc

/// Tells of the ends of this process's children, each once.
@EventLoop
package enum ChildEnds {
  private static var handlers: [pid_t: @EventLoop (Int32) -> Void] = [:]
  private static var source: EventSource?

  /// Begins to hear of ends. Before a child is started: one that ends at once would be missed.
  package static func prepare() {
    if source == nil { source = EventSource.signal(SIGCHLD) { reap() } }
  }

  /// Calls `handler` at the end of a child that has been started in this turn of the loop, after
  /// ``prepare()``.
  /// - Parameter handler: gets the exit status; 128 plus the signal's number when a signal ended it.
  package static func watch(_ pid: pid_t, handler: @escaping @EventLoop (Int32) -> Void) {
    precondition(source != nil, "a child was started before its end could be heard of")
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
