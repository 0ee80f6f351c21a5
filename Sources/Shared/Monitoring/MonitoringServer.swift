import CLinux
import ConnectorMetrics
import Glibc
import Logging
import Runtime

/// Serves metrics and health over HTTP, so that whoever asks cannot hurt the loop: few connections
/// at once, one request each, of a bounded size, within a few seconds, and only so many a second.
/// What is too much waits in the kernel.
///
/// Not libevent's evhttp: in the version that Debian has, it bounds neither the number of its
/// connections nor the time of a whole request, so that a client that sends an octet now and then
/// holds a descriptor for hours.
@EventLoop
final class MonitoringServer {
  struct Limits: Sendable {
    var connections = 16
    /// Seconds for a request and its answer.
    var time = 5.0
    /// Connections taken at once, and a second.
    var burst = 50.0
    var rate = 25.0
  }

  private let limits: Limits
  private let clock: any Clock
  private let answer: @EventLoop (MonitoringRequest) -> MonitoringAnswer
  private let descriptor: Int32
  /// Where it listens.
  let place: String
  private var source: EventSource?
  private var resumeTimer: (any Timer)?
  private var connections: [Int: MonitoringConnection] = [:]
  private var accepted = 0
  private var tokens: Double
  private var filledAt: Double

  /// - Throws: `SocketError`.
  init(
    _ address: MonitoringAddress, limits: Limits = Limits(), clock: any Clock,
    answer: @escaping @EventLoop (MonitoringRequest) -> MonitoringAnswer
  ) throws {
    self.limits = limits
    self.clock = clock
    filledAt = clock.now
    self.answer = answer
    tokens = limits.burst
    descriptor = try address.listen()
    place = address.words(descriptor)
    source = EventSource.descriptor(descriptor, .read) { [weak self] _ in self?.accept() }
    resumeTimer = clock.timer { [weak self] in self?.source?.resume() }
    source?.resume()
  }

  deinit {
    close(descriptor)
  }

  private func accept() {
    guard connections.count < limits.connections, takeToken() else { return pause() }
    let number = connector_accept(descriptor)
    guard number >= 0 else {
      // Without a descriptor left, trying at once would fail at once.
      if errno != EAGAIN, errno != EINTR, errno != ECONNABORTED { pause() }
      return
    }
    accepted += 1
    let id = accepted
    connections[id] = MonitoringConnection(
      number, within: limits.time, clock: clock, answer: answer
    ) {
      [weak self] status in
      if let status { Metric.monitoringRequests.count(1, status) }
      self?.connections[id] = nil
    }
  }

  private func pause() {
    source?.suspend()
    resumeTimer?.schedule(after: 1 / limits.rate)
  }

  private func takeToken() -> Bool {
    let now = clock.now
    tokens = min(tokens + (now - filledAt) * limits.rate, limits.burst)
    filledAt = now
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }
}
