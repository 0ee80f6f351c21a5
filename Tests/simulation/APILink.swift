import FoundationEssentials

@testable import HTTP
@testable import Runtime

/// The way of one process to the simulated API server, on which things go wrong.
@EventLoop
final class APILink: HTTPTransport {
  /// A watch that this process holds open.
  @EventLoop private final class Watch {
    let kind: String
    /// It is told what comes after this version.
    let since: Int
    let onData: @EventLoop (Int, UnsafeRawBufferPointer) -> Void
    var pending: [String] = []
    var isDelivering = false
    var isSilent = false
    var continuation: CheckedContinuation<Int, any Error>?

    init(
      _ request: APIRequest, _ onData: @escaping @EventLoop (Int, UnsafeRawBufferPointer) -> Void
    ) {
      kind = request.kind
      since = request.number("resourceVersion") ?? 0
      self.onData = onData
    }

    func end(_ result: Result<Int, any Error>) {
      let waiting = continuation
      continuation = nil
      waiting?.resume(with: result)
    }
  }

  /// Hands what is under way to the handler of its cancellation.
  @EventLoop private final class Ticket {
    var cancel: (@EventLoop () -> Void)?
    nonisolated init() {}
  }

  private let run: Run
  private let clock: ProcessClock
  private let name: String
  private var watches: [Int: Watch] = [:]
  private var lastWatch = 0
  private var number = 0

  init(_ run: Run, _ clock: ProcessClock, name: String) {
    self.run = run
    self.clock = clock
    self.name = name
    number = run.api.listen { [weak self] change in self?.tell(change) }
  }

  /// The process has ended.
  func cut() {
    run.api.silence(number)
    watches.removeAll()
  }

  func complain(_: String) {}

  // MARK: Requests

  func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    let ticket = Ticket()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation(isolation: EventLoop.shared) {
        (continuation: CheckedContinuation<HTTPResponse, any Error>) in
        guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
        var waiting: CheckedContinuation<HTTPResponse, any Error>? = continuation
        let finish: @EventLoop (Result<HTTPResponse, any Error>) -> Void = { result in
          let resumed = waiting
          waiting = nil
          resumed?.resume(with: result)
        }
        ticket.cancel = { finish(.failure(CancellationError())) }
        begin(request, finish)
      }
    } onCancel: {
      Task { @EventLoop in ticket.cancel?() }
    }
  }

  private func begin(
    _ request: HTTPRequest, _ finish: @escaping @EventLoop (Result<HTTPResponse, any Error>) -> Void
  ) {
    let end: @EventLoop (Result<HTTPResponse, any Error>, Double) -> Void = { [clock, run] in
      let result = $0
      run.later($1) { clock.whenRunning { finish(result) } }
    }
    let trouble = run.trouble
    if let timeout = request.timeout {
      end(.failure(HTTPError(.silence, reason: "no answer within \(timeout) s")), timeout)
    }
    guard !trouble.isOn(.apiAway) else {
      return end(.failure(HTTPError(reason: "Connection refused")), 0.001)
    }
    run.later(run.latency()) { [run, clock] in
      let isHanging = trouble.isOn(.apiHangs)
      let errs = trouble.isOn(.apiErrs) && run.chance(0.4)
      // What hangs may have been done all the same, also for a process that has ended meanwhile.
      let error = errs ? run.choose(["500", "503", "429", "reset", "lost"]) : ""
      switch error {
      case "500", "503", "429":
        let body = #"{"kind":"Status","code":\#(error),"message":"simulated"}"#
        return end(
          .success(HTTPResponse(status: Int(error) ?? 500, body: Data(body.utf8))), run.latency())
      case "reset": return end(.failure(HTTPError(reason: "Connection reset")), run.latency())
      default: break
      }
      guard !isHanging || run.chance(0.5), clock.state != .dead || run.chance(0.5) else { return }
      let (status, body) = run.api.answer(request, from: self.name)
      guard !isHanging else { return }
      guard error != "lost", !trouble.isOn(.apiAway) else {
        return end(.failure(HTTPError(reason: "Connection reset")), run.latency())
      }
      end(.success(HTTPResponse(status: status, body: Data(body.utf8))), run.latency())
    }
  }

  // MARK: Watches

  func stream(
    _ request: HTTPRequest, onHead: @escaping @EventLoop () -> Void,
    onData: @escaping @EventLoop (Int, UnsafeRawBufferPointer) -> Void
  ) async throws -> Int {
    lastWatch += 1
    let id = lastWatch
    let watch = Watch(APIRequest(request), onData)
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation(isolation: EventLoop.shared) {
        (continuation: CheckedContinuation<Int, any Error>) in
        guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
        watch.continuation = continuation
        open(watch, id, onHead)
      }
    } onCancel: {
      Task { @EventLoop in self.end(id, watch, .failure(CancellationError())) }
    }
  }

  private func open(
    _ watch: Watch, _ id: Int, _ onHead: @escaping @EventLoop () -> Void
  ) {
    if run.trouble.isOn(.apiHangs) { return }
    guard !run.trouble.isOn(.apiAway) else {
      return run.later(0.001) { [clock] in
        clock.whenRunning { watch.end(.failure(HTTPError(reason: "Connection refused"))) }
      }
    }
    run.later(run.latency()) { [self] in
      guard clock.state != .dead else { return }
      clock.whenRunning(onHead)
      guard watch.since >= run.api.oldest else {
        watch.pending = [
          #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#
            + "\n"
        ]
        return deliver(watch)
      }
      watches[id] = watch
      for change in run.api.changes where change.version > watch.since && change.kind == watch.kind
      {
        watch.pending.append(change.line)
      }
      if !watch.pending.isEmpty { deliver(watch) }
    }
  }

  private func tell(_ change: SimulatedAPI.Change) {
    for id in watches.keys.sorted() {
      guard let watch = watches[id], watch.kind == change.kind, change.version > watch.since,
        !watch.isSilent
      else { continue }
      watch.pending.append(change.line)
      deliver(watch)
    }
  }

  private func deliver(_ watch: Watch) {
    guard !watch.isDelivering else { return }
    watch.isDelivering = true
    run.later(run.latency()) { [clock] in
      clock.whenRunning {
        watch.isDelivering = false
        let text = watch.pending.joined()
        watch.pending = []
        guard watch.continuation != nil else { return }
        var octets = Array(text.utf8)
        octets.withUnsafeMutableBytes { watch.onData(200, UnsafeRawBufferPointer($0)) }
      }
    }
  }

  private func end(_ id: Int, _ watch: Watch, _ result: Result<Int, any Error>) {
    watches[id] = nil
    watch.end(result)
  }

  /// All watches end, in good order or not.
  func endWatches(broken: Bool) {
    for id in watches.keys.sorted() {
      guard let watch = watches.removeValue(forKey: id) else { continue }
      clock.whenRunning {
        watch.end(broken ? .failure(HTTPError(reason: "Connection reset")) : .success(200))
      }
    }
  }

  /// All watches go on, and tell nothing any more.
  func silenceWatches() {
    for id in watches.keys.sorted() { watches[id]?.isSilent = true }
  }
}
