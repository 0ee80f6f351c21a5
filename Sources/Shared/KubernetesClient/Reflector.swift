import ConnectorMetrics
import FoundationEssentials
import HTTP
import Logging
import Runtime
import Text

/// Keeps up with one kind of object: lists it in pages, then watches from there.
///
/// - A list counts with its last page only; one that fails begins anew.
/// - A watch that ends is resumed at the last resourceVersion; 410 Gone means to list again.
/// - A watch in which nothing comes for a while, not even a bookmark, is broken off and resumed.
/// - A version that goes back (etcd restored from a backup) means to list again. A watch may be
///   silent then, so the server's version is asked for now and then.
/// - A restored etcd may have come as far again before anybody looks: so a server that has been away
///   is listed again, and any server now and then.
/// - Failures wait with backoff and jitter, up to 30 s.
///
/// (Kubernetes: "API Concepts", efficient detection of changes; client-go tools/cache/reflector.go.)
@EventLoop
public final class Reflector<Object: Decodable & Sendable> {
  let client: KubernetesClient
  let path: String
  private let resource: String
  private let selector: String?
  let timing: WatchTiming
  let clock: any Clock
  let log: Logger
  private var backoff: Backoff
  /// Between lists that each were complete, and of no use for the watch after it.
  private var listBackoff: Backoff
  /// nil until a list is complete, and when it does not count any more.
  private(set) var version: ResourceVersion?
  /// Objects asked for in one page; fewer after one that was too large.
  private var pageSize = ListCollector<Object>.pageSize
  private var lists = ListSchedule()
  private var isComplaining = false
  var isCheckComplaining = false
  var unreadableNames: Set<String> = []
  private var current: Task<Void, any Error>?
  private var silenceTimer: (any Timer)?
  /// What ended the watch from our side.
  private var watchFailure: (any Error)?
  private var events = 0

  /// Makes sure that the server is the right one, before a list counts and before a watch.
  public var confirm: (@EventLoop () async throws -> Void)?
  /// Gets the complete set after each listing.
  public var onList: (@EventLoop (Listing<Object>) -> Void)?
  /// Gets each change after it.
  public var onChange: (@EventLoop (Change) -> Void)?
  /// Gets each failure.
  public var onFailure: (@EventLoop (any Error) -> Reaction)?

  /// - Parameters:
  ///   - path: the collection's, "/api/v1/pods".
  ///   - selector: a field selector, applied by the server.
  public init(
    client: KubernetesClient, path: String, selector: String? = nil, timing: WatchTiming,
    clock: any Clock, log: Logger
  ) {
    self.client = client
    self.path = path
    resource = APICall("GET", path).resource
    self.selector = selector
    self.timing = timing
    self.clock = clock
    backoff = Backoff(first: 0.5, longest: 30, jitter: clock.jitter())
    listBackoff = Backoff(first: 0.1, longest: 30, jitter: clock.jitter())
    self.log = log
  }

  /// Runs until the task is cancelled or `onFailure` says to stop.
  public func run() async {
    while !Task.isCancelled {
      do {
        if version != nil {
          try await confirm?()
          try await compareVersion()
          if let reason = lists.reason(timing, now: clock.now) { forgetVersion(reason) }
        }
        if version == nil { try await list() }
        try await watch()
      } catch is CancellationError where Task.isCancelled {
        return
      } catch {
        guard await recover(from: error) else { return }
      }
    }
  }

  /// Waits as long as the failure asks for.
  /// - Returns: whether to go on.
  private func recover(from error: any Error) async -> Bool {
    Metric.watchFailures.count(1, resource)
    var delay = backoff.delay()
    if version != nil, error.meansToListAgain {
      version = nil
      // At once, unless the last list did not help for long.
      if clock.now - lists.listedAt > WatchTiming.lasting {
        listBackoff.reset()
        delay = 0
      } else {
        delay = listBackoff.delay()
      }
      log.log(
        level: error is KubernetesError ? .notice : .warning,
        "\(client.server)\(path): \(error); listing again in \(String(rounded: delay)) s")
    } else {
      switch onFailure?(error) ?? .retry {
      case .stop: return false
      case .listAgainQuietly(let seconds):
        version = nil
        delay = seconds
      case .retry:
        if let wanted = (error as? KubernetesError)?.retryAfter { delay = max(delay, wanted) }
        log.warning(
          "\(client.server)\(path): \(error); trying again in \(String(rounded: delay)) s")
        isComplaining = true
        lists.failed(now: clock.now)
      }
    }
    do {
      try await clock.sleep(seconds: delay)
      return true
    } catch {
      return false
    }
  }

  private func forgetVersion(_ reason: ListSchedule.Reason) {
    version = nil
    log.log(
      level: reason == .longAgo ? .debug : .notice,
      "\(client.server)\(path): \(reason): listing again")
  }

  // MARK: List

  private func list() async throws {
    var collector = ListCollector<Object>(pageSize: pageSize)
    var next: String?
    let began = clock.now
    while true {
      var query = [("limit", "\(pageSize)")]
      if let selector { query.append(("fieldSelector", selector)) }
      if let next { query.append(("continue", next)) }
      let page: ListPage<Object>
      do {
        page = try await client.send("GET", path, query: query, timeout: 30, as: ListPage.self)
      } catch let error as HTTPError where error.kind == .tooLarge && pageSize > 1 {
        // The next try asks for fewer objects at once.
        pageSize = max(pageSize / 4, 1)
        throw error
      }
      switch try collector.add(page) {
      case .next(let token): next = token
      case .complete(let listing, let version):
        try await confirm?()
        try Task.checkCancellation()
        for object in listing.unreadable { complain(of: object) }
        self.version = version
        lists.listed(since: began, now: clock.now)
        recovered()
        Metric.watchLists.count(1, resource)
        onList?(listing)
        return
      }
    }
  }

  // MARK: Watch

  private func watch() async throws {
    let longest = max(lists.next(timing) - clock.now, 1)
    let timeout = Int(min(clock.random(in: 300...600), longest).rounded(.up))
    var query = [
      ("watch", "true"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", "\(timeout)"),
      ("resourceVersion", version?.description ?? ""),
    ]
    if let selector { query.append(("fieldSelector", selector)) }
    watchFailure = nil
    events = 0
    let began = clock.now
    let watch = Task { @EventLoop in
      try await client.lines(path, query: query) { [weak self] in
        self?.heard()
      } onLine: { [weak self] line in
        guard let self, watchFailure == nil else { return }
        heard()
        do {
          try receive(try line.get())
        } catch {
          breakOff(error)
        }
      }
    }
    current = watch
    let checks = Task { @EventLoop [weak self] in await self?.compareVersions() }
    let timer = clock.timer { [weak self] in
      self?.log.warning("\(self?.path ?? ""): nothing heard for a while, watching again")
      watch.cancel()
    }
    silenceTimer = timer
    // A server that starts up accepts connections long before it answers.
    timer.schedule(after: min(timing.silence, WatchTiming.answerWait))
    defer {
      timer.suspend()
      checks.cancel()
      silenceTimer = nil
      current = nil
    }
    do {
      try await withTaskCancellationHandler {
        try await watch.value
      } onCancel: {
        watch.cancel()
      }
    } catch is CancellationError where !Task.isCancelled {
      if let watchFailure { throw watchFailure }
      // Broken off for its silence: resume at once.
      return
    }
    if let watchFailure { throw watchFailure }
    // (client-go's handleWatch: "very short watch".)
    if events == 0, clock.now - began < WatchTiming.shortest { throw WatchFailure.tooShort }
  }

  func breakOff(_ error: any Error) {
    guard watchFailure == nil else { return }
    watchFailure = error
    current?.cancel()
  }

  private func heard() {
    silenceTimer?.schedule(after: timing.silence)
  }

  private func receive(_ line: Data) throws {
    switch try ServerJSON.decode(WatchEvent<Object>.self, from: line) {
    case .present(let object, let version):
      try advance(to: version)
      onChange?(.present(object))
    case .gone(let object, let version):
      try advance(to: version)
      onChange?(.gone(object))
    case .bookmark(let version):
      try advance(to: version)
    case .unreadable(let object, let version, let isGone):
      try advance(to: version)
      complain(of: object)
      if isGone { throw WatchFailure.unreadableGone(object.fullName) }
    case .error(let error):
      throw error
    }
    events += 1
    Metric.watchEvents.count(1, resource)
    recovered()
  }

  private func advance(to found: ResourceVersion) throws {
    if let version, found.isBefore(version) {
      throw WatchFailure.wentBack(from: version, to: found)
    }
    version = found
  }

  private func recovered() {
    backoff.reset()
    if isComplaining {
      log.notice("\(client.server)\(path): answers again")
      isComplaining = false
    }
  }
}
