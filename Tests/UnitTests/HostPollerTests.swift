import Testing

@testable import Kubernetes
@testable import Runtime
@testable import pbs_broker

/// A list of PBS's hosts that fails is tried again with waits that grow, and said once.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct HostPollerTests {
  @EventLoop
  private final class Hosts: PBSBackend {
    let users = SubmittingUsers(own: "pbs-broker")
    var failure: PBSError?
    private(set) var asked = 0

    nonisolated init() {}

    func hosts() async throws(PBSError) -> PBSHosts {
      asked += 1
      if let failure { throw failure }
      return PBSHosts(vnodes: [PBSVnode(name: "node1", host: "node1")])
    }
    func submit(_ job: JobDescription) async throws(PBSError) -> String { "1.pbsserver" }
    func delete(_ id: String, of _: String?, force: Bool) async throws(PBSError) {}
    func change(_ id: String, of _: String?, _ change: JobChange) async throws(PBSError) {}
    func list(telling _: Set<String>) async throws(PBSError) -> JobListing { JobListing(all: []) }
    func stat(_ ids: [String]) async throws(PBSError) -> JobStat { JobStat(jobs: [], unknown: []) }
    func server() async throws(PBSError) -> String { "pbsserver" }
    let pace = LookPace(first: 0.25, second: 0.5)
    func changes() async throws(PBSError) -> JobStat? { nil }
  }

  @Test @EventLoop func aFailureIsSaidOnceAndTriedAgainSoonThenSeldom() async {
    let lines = LogLines()
    let backend = Hosts()
    let poller = HostPoller(backend: backend, jitter: Jitter(seed: 1), log: lines.logger)
    let world = World(user: "pbs-broker", hosts: [:], jitter: Jitter(seed: 1), log: lines.logger)
    backend.failure = .unavailable("pbsnodes: Connection refused")
    // A poll of all jobs every two seconds for ten minutes; the poller's own clock stands nearly still.
    let began = SystemClock().now
    var moments: [Double] = []
    for step in 0..<300 {
      let before = backend.asked
      await poller.poll(for: world, begun: began + Double(step) * 2)
      if backend.asked > before { moments.append(Double(step) * 2) }
    }
    // Not only after the ten minutes that lie between polls in peace.
    #expect(moments.count >= 2 && moments[1] <= 20)
    #expect(lines.all.count { $0.hasPrefix("warning") } == 1)
    backend.failure = nil
    await poller.poll(for: world, begun: began + 2000)
    #expect(world.hostMap.knowsHosts)
    #expect(lines.all.count { $0.contains("can be listed again") } == 1)
  }

  /// Whoever is told first, and when a node goes or comes; not only when PBS's hosts are listed again.
  @Test @EventLoop func namesThatDoNotMatchAreSaidWhenTheyChange() async {
    let lines = LogLines()
    let poller = HostPoller(backend: Hosts(), jitter: Jitter(seed: 1), log: lines.logger)
    let world = World(
      user: "pbs-broker", hosts: ["node1": "elsewhere"], jitter: Jitter(seed: 1), log: lines.logger)
    let began = SystemClock().now
    let count = { lines.all.count { $0.contains("there is no node elsewhere") } }
    await poller.poll(for: world, begun: began)
    #expect(count() == 0)
    world.update(Node("node1"))
    world.watcherSynced(now: began)
    await poller.poll(for: world, begun: began + 1)
    await poller.poll(for: world, begun: began + 2)
    #expect(count() == 1)
    #expect(lines.all.count { $0.contains("nodes that are no hosts of PBS: node1") } == 1)
    world.update(Node("node2"))
    await poller.poll(for: world, begun: began + 3)
    #expect(lines.all.count { $0.contains("nodes that are no hosts of PBS: node1, node2") } == 1)
  }
}
