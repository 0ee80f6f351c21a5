import FoundationEssentials
import ManualTime
import Synchronization

@testable import Runtime

/// By how many seconds a host's time of day is wrong.
final class DateShift: Sendable {
  let seconds = Mutex(0.0)
}

/// The time of one process of the simulation. A process that has been killed has no time any more;
/// one that is stopped (SIGSTOP) has what it missed when it is woken.
final class ProcessClock: Clock {
  private final class Guarded: Timer {
    private let clock: ProcessClock
    private let handler: @EventLoop () -> Void
    private lazy var timer = clock.time.timer { [weak self] in self?.fire() }

    init(_ clock: ProcessClock, _ handler: @escaping @EventLoop () -> Void) {
      self.clock = clock
      self.handler = handler
    }

    func schedule(after seconds: Double) {
      if clock.state != .dead { timer.schedule(after: seconds) }
    }

    func suspend() { timer.suspend() }

    private func fire() {
      switch clock.state {
      case .runs: handler()
      case .stopped: clock.missed.append { [weak self] in self?.handler() }
      case .dead: break
      }
    }
  }

  enum State { case runs, stopped, dead }

  let time: ManualClock
  private let shift: DateShift
  private(set) var state = State.runs
  private var missed: [@EventLoop () -> Void] = []
  /// What would have gone on after the process's end: kept, since whoever waits is not to be told.
  private var buried: [@EventLoop () -> Void] = []

  init(_ time: ManualClock, _ shift: DateShift) {
    self.time = time
    self.shift = shift
  }

  nonisolated var now: Double { time.now }
  nonisolated var date: Date {
    time.date.addingTimeInterval(shift.seconds.withLock { $0 })
  }
  func timer(_ handler: @escaping @EventLoop () -> Void) -> any Timer { Guarded(self, handler) }
  func random(in range: ClosedRange<Double>) -> Double { time.random(in: range) }
  func jitter() -> Jitter { time.jitter() }

  func kill() {
    state = .dead
    buried = missed
    missed = []
  }

  func stop() {
    if state == .runs { state = .stopped }
  }

  func wake() {
    guard state == .stopped else { return }
    state = .runs
    let missed = missed
    self.missed = []
    for handler in missed where state == .runs { handler() }
  }

  /// Does something for the process once it runs: what arrives while it is stopped waits.
  func whenRunning(_ action: @escaping @EventLoop () -> Void) {
    switch state {
    case .runs: action()
    case .stopped: missed.append(action)
    case .dead: buried.append(action)
    }
  }
}
