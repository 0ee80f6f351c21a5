import FoundationEssentials
import Glibc

/// The host's time, with timers of the event loop. A program makes one, and passes it to all its
/// parts.
public final class SystemClock: Clock {
  public nonisolated init() {}

  /// Seconds on CLOCK_BOOTTIME, which all processes of one host share and which no clock adjustment
  /// moves. Unlike CLOCK_MONOTONIC it goes on while the host is suspended: who held a Lease before
  /// must not take it for fresh afterwards.
  public nonisolated var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  public nonisolated var date: Date { Date() }

  public func timer(_ handler: @escaping @EventLoop () -> Void) -> any Timer {
    EventSource.timer(handler: handler)
  }

  public func random(in range: ClosedRange<Double>) -> Double { .random(in: range) }

  public func jitter() -> Jitter { Jitter(seed: .random(in: .min ... .max)) }
}

extension EventSource: Timer {}
