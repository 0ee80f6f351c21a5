import CLinux

/// Calls of the C library that may block for long and cannot be ended: each on a thread of its own. The
/// loop must not wait for them, nor may one of Swift's few threads.
package enum BlockingCall {
  private final class Work {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Starts one; it gets no signals.
  /// - Returns: whether there is a thread for it.
  package static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
    let work = Unmanaged.passRetained(Work(body))
    let code = connector_start_thread(
      { pointer in
        guard let pointer else { return nil }
        Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body()
        return nil
      }, work.toOpaque())
    if code != 0 { work.release() }
    return code == 0
  }
}
