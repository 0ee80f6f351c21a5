import Glibc
import Runtime

/// One request and its answer, within a time that counts for both together.
@EventLoop
final class MonitoringConnection {
  private let descriptor: Int32
  private let answer: @EventLoop (MonitoringRequest) -> MonitoringAnswer
  private let onEnd: @EventLoop (_ status: String?) -> Void
  private var input: [UInt8] = []
  private var output: ArraySlice<UInt8> = []
  private var status: String?
  private var source: EventSource?
  private var deadline: (any Timer)?
  private var hasEnded = false

  /// - Parameters:
  ///   - seconds: for all of it.
  ///   - onEnd: called once: with the status that was answered, "timeout", or nil where the other
  ///     end went away before it had asked.
  init(
    _ descriptor: Int32, within seconds: Double, clock: any Clock,
    answer: @escaping @EventLoop (MonitoringRequest) -> MonitoringAnswer,
    onEnd: @escaping @EventLoop (_ status: String?) -> Void
  ) {
    self.descriptor = descriptor
    self.answer = answer
    self.onEnd = onEnd
    deadline = clock.timer { [weak self] in self?.end("timeout") }
    deadline?.schedule(after: seconds)
    source = EventSource.descriptor(descriptor, .read) { [weak self] _ in self?.read() }
    source?.resume()
  }

  private func read() {
    var buffer = [UInt8](repeating: 0, count: MonitoringRequest.limit - input.count)
    let count = Glibc.read(descriptor, &buffer, buffer.count)
    guard count > 0 else {
      if count == 0 || (errno != EAGAIN && errno != EINTR) { end(nil) }
      return
    }
    input += buffer.prefix(count)
    guard let (request, isHead) = MonitoringRequest.parse(input) else { return }
    let answer =
      if case .refused(let status) = request {
        MonitoringAnswer(status: status, body: "/metrics /healthz /readyz\n")
      } else {
        self.answer(request)
      }
    status = "\(answer.status)"
    output = answer.octets(isHead: isHead)[...]
    source = EventSource.descriptor(descriptor, .write) { [weak self] _ in self?.write() }
    source?.resume()
  }

  private func write() {
    let count = output.withUnsafeBytes {
      send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
    if count < 0 {
      if errno != EAGAIN, errno != EINTR { end(status) }
      return
    }
    output = output.dropFirst(count)
    if output.isEmpty { end(status) }
  }

  private func end(_ status: String?) {
    guard !hasEnded else { return }
    hasEnded = true
    deadline = nil
    source = nil
    shutdown(descriptor, Int32(SHUT_WR))
    close(descriptor)
    onEnd(status)
  }
}
