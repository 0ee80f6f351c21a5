import FoundationEssentials
import ManualTime
import Testing

@testable import HTTP
@testable import Kubernetes
@testable import KubernetesClient
@testable import Runtime

/// How lists and watches follow each other, by a clock that moves as the test says.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct ReflectorTests {
  /// An API server with one node, whose watches tell nothing.
  @EventLoop
  private final class Server: HTTPTransport {
    let clock: ManualClock
    var version = 5
    var failure: HTTPError?
    private(set) var lists = 0
    private(set) var looks = 0
    private(set) var watches: [String] = []
    private var running: [Task<Void, any Error>] = []

    /// All connections of watches end, with an error.
    func breakWatches() {
      for task in running { task.cancel() }
      running = []
    }

    init(clock: ManualClock) {
      self.clock = clock
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
      if request.url.hasSuffix("limit=1") { looks += 1 } else { lists += 1 }
      if let failure { throw failure }
      let body = """
        {"metadata": {"resourceVersion": "\(version)"}, "items": [
          {"metadata": {"name": "node1", "uid": "1", "resourceVersion": "3"}}]}
        """
      return HTTPResponse(status: 200, body: Data(body.utf8))
    }

    func stream(
      _ request: HTTPRequest, onHead: @escaping @EventLoop () -> Void,
      onData: @escaping @EventLoop (Int, UnsafeRawBufferPointer) -> Void
    ) async throws -> Int {
      watches.append(request.url)
      if let failure { throw failure }
      onHead()
      // It ends in time, as servers' do.
      let end = request.url.firstMatch(of: /timeoutSeconds=(\d+)/).flatMap { Double($0.1) }
      let waiting = Task { @EventLoop in try await clock.sleep(seconds: end ?? 1e8) }
      running.append(waiting)
      do {
        try await withTaskCancellationHandler {
          try await waiting.value
        } onCancel: {
          waiting.cancel()
        }
      } catch  where !Task.isCancelled {
        throw HTTPError(reason: "Connection reset")
      }
      return 200
    }

    func complain(_: String) {}
  }

  @EventLoop
  private final class Site {
    let clock = ManualClock()
    let lines = LogLines()
    private(set) lazy var server = Server(clock: clock)
    private(set) var listed: [Int] = []
    var timing = WatchTiming(silence: 150, checkInterval: 45, listInterval: 86400)
    private var running: Task<Void, Never>?

    func run(_ seconds: Double) async {
      if running == nil {
        let client = KubernetesClient(
          KubernetesConnection(server: "http://server"), program: "test", http: server,
          clock: clock, log: lines.logger)
        let reflector = Reflector<Node>(
          client: client, path: "/api/v1/nodes",
          timing: timing, clock: clock, log: lines.logger)
        reflector.onList = { [unowned self] in listed.append($0.objects.count) }
        running = Task { @EventLoop in await reflector.run() }
      }
      await clock.advance(by: seconds)
    }

    func stop() async {
      running?.cancel()
      await running?.value
    }
  }

  @Test @EventLoop func aServerThatIsAwayIsAskedMoreAndMoreSeldom() async {
    let site = Site()
    site.server.failure = HTTPError(reason: "Connection refused")
    await site.run(3600)
    // 15 to 30 s between two of them, in the end.
    #expect((120...250).contains(site.server.lists))
    site.server.failure = nil
    await site.run(30)
    #expect(site.listed == [1] && site.server.watches.count == 1)
    await site.stop()
  }

  @Test @EventLoop func aWatchThatIsSilentIsBrokenOffAndResumedWhereItWas() async {
    let site = Site()
    await site.run(3600)
    await site.stop()
    #expect(site.listed == [1], "nothing has to be listed again")
    #expect((23...25).contains(site.server.watches.count))
    #expect(site.server.watches.allSatisfy { $0.contains("resourceVersion=5") })
    // Each 36 to 54 s, and before each watch.
    #expect((85...125).contains(site.server.looks))
  }

  @Test @EventLoop func aVersionThatHasGoneBackMeansToListAgain() async {
    let site = Site()
    await site.run(100)
    #expect(site.listed == [1])
    site.server.version = 4
    await site.run(60)
    await site.stop()
    #expect(site.listed == [1, 1])
    #expect(site.server.watches.last?.contains("resourceVersion=4") == true)
  }

  /// A restored etcd that has come as far again shows no version that goes back.
  @Test @EventLoop func aServerThatWasAwayIsListedAgain() async {
    let site = Site()
    await site.run(100)
    // The connection breaks, and the next one works: as in a rolling restart.
    site.server.breakWatches()
    await site.run(10)
    #expect(site.listed == [1] && site.server.watches.count == 2)
    site.server.failure = HTTPError(reason: "Connection refused")
    site.server.breakWatches()
    await site.run(20)
    site.server.failure = nil
    await site.run(30)
    #expect(site.listed == [1, 1])
    #expect(
      site.lines.all.contains {
        $0.hasSuffix("and may have been restored from a backup: listing again")
      })
    await site.run(3600)
    #expect(site.listed == [1, 1])
    await site.stop()
  }

  @Test @EventLoop func anyServerIsListedAgainNowAndThen() async {
    let site = Site()
    site.timing.listInterval = 600
    await site.run(6 * 3600)
    await site.stop()
    #expect((30...37).contains(site.listed.count), "\(site.listed.count) in 6 hours")
  }

  @Test func whenToListAgain() {
    let timing = WatchTiming(silence: 150, checkInterval: 45)
    var lists = ListSchedule()
    lists.listed(since: 0, now: 1)
    #expect(lists.reason(timing, now: 600) == nil && lists.next(timing) == 601)
    #expect(lists.reason(timing, now: 601) == .longAgo)
    // One that takes 10 s is made each 50 minutes.
    lists.listed(since: 1000, now: 1010)
    #expect(lists.reason(timing, now: 4009) == nil && lists.next(timing) == 4010)
    lists.failed(now: 2000)
    lists.failed(now: 2004)
    #expect(lists.reason(timing, now: 2004.9) == nil)
    // It answered then; what fails later is another outage.
    lists.failed(now: 2100)
    lists.failed(now: 2103)
    #expect(lists.reason(timing, now: 2105) == .wasAway(seconds: 5))
    lists.failed(now: 2200)
    lists.listed(since: 2210, now: 2211)
    #expect(lists.reason(timing, now: 2220) == nil)
  }
}
