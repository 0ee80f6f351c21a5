import CLibevent
import Glibc

/// One libevent event: a descriptor that becomes readable or writable, a signal, or a
/// moment in time. The handler runs on the loop until the source is removed or freed.
@EventLoop
public final class EventSource {
  /// What a source waits for, and what happened.
  public struct Kind: OptionSet, Sendable {
    public let rawValue: Int16
    public init(rawValue: Int16) { self.rawValue = rawValue }
    public static let read = Kind(rawValue: Int16(EV_READ))
    public static let write = Kind(rawValue: Int16(EV_WRITE))
    public static let timeout = Kind(rawValue: Int16(EV_TIMEOUT))
    static let signal = Kind(rawValue: Int16(EV_SIGNAL))
    static let persist = Kind(rawValue: Int16(EV_PERSIST))
  }

  // Touched only on the loop; event_free in deinit runs there too, since a source is
  // owned by loop-isolated objects only.
  private nonisolated(unsafe) var event: OpaquePointer?
  private let handler: @EventLoop (Kind) -> Void

  private init(descriptor: Int32, kind: Kind, handler: @escaping @EventLoop (Kind) -> Void) {
    self.handler = handler
    event = event_new(
      EventLoop.base, descriptor, kind.rawValue,
      { _, what, context in
        guard let context else { return }
        let source = Unmanaged<EventSource>.fromOpaque(context).takeUnretainedValue()
        EventLoop.noteActivity()
        EventLoop.assumeIsolated { source.handler(Kind(rawValue: what)) }
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    if let event { event_free(event) }
  }

  /// Calls `handler` whenever `descriptor` is ready, from ``resume()`` on.
  public static func descriptor(
    _ descriptor: Int32, _ kind: Kind, handler: @escaping @EventLoop (Kind) -> Void
  ) -> EventSource {
    EventSource(descriptor: descriptor, kind: kind.union(.persist), handler: handler)
  }

  /// Calls `handler` whenever the process receives the signal.
  public static func signal(
    _ number: Int32, handler: @escaping @EventLoop () -> Void
  ) -> EventSource {
    let source = EventSource(descriptor: number, kind: [.signal, .persist]) { _ in handler() }
    source.resume()
    return source
  }

  /// A timer that is armed with ``schedule(after:)`` and calls `handler` once for each arming.
  static func timer(handler: @escaping @EventLoop () -> Void) -> EventSource {
    EventSource(descriptor: -1, kind: []) { _ in handler() }
  }

  /// Starts to wait.
  public func resume() {
    event_add(event, nil)
  }

  /// Arms a timer, in seconds from now; an earlier arming is replaced.
  public func schedule(after seconds: Double) {
    var interval = timeval(seconds: seconds)
    event_add(event, &interval)
  }

  /// Calls the handler once, after what is due now, whether it waits or not: what a turn of the loop
  /// brings together can be handled together, without a call of the kernel for it.
  public func activate(_ kind: Kind) {
    event_active(event, Int32(kind.rawValue), 0)
  }

  /// Stops to wait.
  public func suspend() {
    event_del(event)
  }
}

extension timeval {
  /// The interval in seconds; negative values count as zero.
  init(seconds: Double) {
    let bounded = min(max(seconds, 0), 1e9)
    self.init(
      tv_sec: Int(bounded), tv_usec: Int((bounded - bounded.rounded(.down)) * 1_000_000))
  }
}
