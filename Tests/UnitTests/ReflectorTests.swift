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
      try await clock.sleep(seconds: 1e8)
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
    private var running: Task<Void, Never>?

    func run(_ seconds: Double) async {
      if running == nil {
        let client = KubernetesClient(
          KubernetesConnection(server: "http://server"), program: "test", http: server,
          clock: clock, log: lines.logger)
        let reflector = Reflector<Node>(
          client: client, path: "/api/v1/nodes",
          timing: WatchTiming(silence: 150, checkInterval: 45), clock: clock, log: lines.logger)
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
}
