import FoundationEssentials
import Logging

/// Keeps up with one kind of object: lists it in pages, then watches from there.
///
/// A watch that ends is resumed at the last resourceVersion; 410 Gone means to list
/// again; other failures wait with backoff and jitter, up to 30 s. A watch in which
/// nothing comes for a while, not even a bookmark, is broken off and resumed.
/// (Kubernetes: "API Concepts", efficient detection of changes.)
@EventLoop
public final class Reflector<Object: Decodable & Sendable> {
  /// What has become of an object.
  public enum Change: Sendable {
    case present(Object)
    case gone(Object)
  }

  /// Seconds for the answer to a watch to begin.
  private static var answerWait: Double { 15 }

  private let client: KubernetesClient
  private let path: String
  private let selector: String?
  private let silence: Double
  private let log: Logger
  private var backoff = Backoff(first: 0.5, longest: 30)
  private var resourceVersion: String?
  private var isComplaining = false
  private var current: Task<Void, any Error>?
  private var silenceTimer: EventSource?
  /// What ended the watch from our side: an ERROR event, or a line that is not JSON.
  private var watchFailure: (any Error)?

  /// Gets the complete set after each listing.
  public var onList: (@EventLoop ([Object]) -> Void)?
  /// Gets each change after it.
  public var onChange: (@EventLoop (Change) -> Void)?
  /// Gets each failure; returns whether to go on.
  public var onFailure: (@EventLoop (any Error) -> Bool)?

  /// - Parameters:
  ///   - path: the collection's, "/api/v1/pods".
  ///   - selector: a field selector, applied by the server.
  ///   - silence: seconds without an octet after which a watch is broken off. API servers
  ///     send a bookmark about once a minute.
  public init(
    client: KubernetesClient, path: String, selector: String?, silence: Double, log: Logger
  ) {
    self.client = client
    self.path = path
    self.selector = selector
    self.silence = silence
    self.log = log
  }

  /// Runs until the task is cancelled or `onFailure` says no.
  public func run() async {
    while !Task.isCancelled {
      do {
        if resourceVersion == nil { try await list() }
        try await watch()
        backoff.reset()
      } catch is CancellationError where Task.isCancelled {
        return
      } catch let error as KubernetesError where error.isGone {
        log.info("\(path): resourceVersion \(resourceVersion ?? "") is gone, listing again")
        resourceVersion = nil
      } catch {
        if onFailure?(error) == false { return }
        var delay = backoff.delay()
        if let wanted = (error as? KubernetesError)?.retryAfter { delay = max(delay, wanted) }
        log.warning(
          "\(client.server)\(path): \(error); trying again in \(String(rounded: delay)) s")
        isComplaining = true
        try? await EventLoop.sleep(seconds: delay)
      }
    }
  }

  private struct List: Decodable, Sendable {
    struct Metadata: Decodable, Sendable {
      var resourceVersion: String
      var `continue`: String?
    }
    var metadata: Metadata
    var items: [Object]?
  }

  private func list() async throws {
    var objects: [Object] = []
    var next = ""
    repeat {
      var query = [("limit", "500")]
      if let selector { query.append(("fieldSelector", selector)) }
      if !next.isEmpty { query.append(("continue", next)) }
      let page = try await client.send("GET", path, query: query, timeout: 30, as: List.self)
      objects += page.items ?? []
      next = page.metadata.continue ?? ""
      resourceVersion = page.metadata.resourceVersion
    } while !next.isEmpty
    recovered()
    onList?(objects)
  }

  private func watch() async throws {
    let timeout = Int.random(in: 300...600)
    var query = [
      ("watch", "true"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", "\(timeout)"),
      ("resourceVersion", resourceVersion ?? ""),
    ]
    if let selector { query.append(("fieldSelector", selector)) }
    watchFailure = nil
    let watch = Task { @EventLoop in
      try await client.lines(path, query: query) { [weak self] in
        self?.heard()
      } onLine: { [weak self] line in
        guard let self, watchFailure == nil else { return }
        heard()
        do {
          try receive(line)
        } catch {
          watchFailure = error
          current?.cancel()
        }
      }
    }
    current = watch
    let timer = EventSource.timer { [weak self] in
      self?.log.warning("\(self?.path ?? ""): nothing heard for a while, watching again")
      watch.cancel()
    }
    silenceTimer = timer
    // A server that starts up accepts connections long before it answers.
    timer.schedule(after: min(silence, Self.answerWait))
    defer {
      timer.suspend()
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
    }
    if let watchFailure { throw watchFailure }
  }

  private func heard() {
    silenceTimer?.schedule(after: silence)
  }

  private func receive(_ line: Data) throws {
    switch try JSONDecoder().decode(WatchEvent<Object>.self, from: line) {
    case .present(let object, let version):
      resourceVersion = version
      onChange?(.present(object))
    case .gone(let object, let version):
      resourceVersion = version
      onChange?(.gone(object))
    case .bookmark(let version):
      resourceVersion = version
    case .error(let error):
      throw error
    }
    recovered()
  }

  private func recovered() {
    backoff.reset()
    if isComplaining {
      log.notice("\(client.server)\(path): answers again")
      isComplaining = false
    }
  }
}
