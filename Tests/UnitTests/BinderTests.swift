import CLinux
import Glibc
import Testing

@testable import KubernetesClient
@testable import Runtime
@testable import Wire
@testable import binder

/// What a binder does with messages before any request.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct BinderTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  /// A binder without an API server, and the broker that it has connected to.
  @EventLoop private final class Site {
    /// As in the process, nothing goes before the last request has ended.
    private static var all: [Site] = []
    let binder: Binder
    let log = LogLines()
    private let peers = Heard<Peer>()
    private let source: EventSource

    init(_ path: String, most: Int) throws {
      let listening = try UnixSocket.listen(path: path)
      source = EventSource.descriptor(listening, .read) { [peers] _ in
        let accepted = connector_accept(listening)
        if accepted >= 0 { peers.add(Peer(descriptor: accepted)) }
      }
      source.resume()
      // Nobody listens on the port of TCPMUX.
      let client = KubernetesClient(
        KubernetesConnection(server: "http://127.0.0.1:1"), program: "binder", clock: SystemClock(),
        log: log.logger)
      let access = APIAccess(client: client, clock: SystemClock(), log: log.logger)
      binder = Binder(
        instance: "binder-1", access: access,
        pods: PodActions(access: access, limits: .init(), clock: SystemClock(), log: log.logger),
        events: EventRecorder(
          access: access, instance: "binder-1", limits: .init(), clock: SystemClock(),
          log: log.logger),
        requestsInFlight: 64, most: most, clock: SystemClock(), log: log.logger)
      binder.subscribe(
        Subscription(
          path: path, role: .binder, instance: "binder-1", clock: SystemClock(), log: log.logger))
      Self.all.append(self)
    }

    func broker() async throws -> Peer {
      try await peers.wait(for: "the connection") { !$0.isEmpty }
      let peer = peers.items[0]
      try peer.say(ControlMessage.Hello(role: .pbsBroker, instance: "broker-1"))
      try peer.say(ControlMessage.Ping(ownsUntil: SystemClock().now + 60))
      return peer
    }
  }

  private static func bind(_ number: Int) -> String {
    let json =
      #"{"type":"bind","owner":"binder-1","id":\#(number),"pod":{"uid":"u-\#(number)","namespace":"default","name":"a"},"node":"node1","job":"5.pbs","runCount":1}"#
    return "\(json.utf8.count + 1) \(json)\n"
  }

  @Test @EventLoop func whatIsWantedHasABound() async throws {
    let site = try Site("\(folder.path)/a.sock", most: 3)
    let broker = try await site.broker()
    // In one piece, so that none is done before the last one is heard.
    broker.send((1...5).map(Self.bind).joined())
    try await broker.hears("outcome", times: 5)
    let outcomes = broker.messages.filter { $0.type == "outcome" }
    #expect(outcomes.allSatisfy { $0.result == "retry" })
    #expect(Set(outcomes.compactMap(\.id)) == Set(1...5))
    let putOff = outcomes.filter { $0.message == "too many pods wait for binder" }
    #expect(putOff.compactMap(\.id) == [4, 5])
    #expect(site.log.all.contains { $0.contains("3 pods wait already, pod default/a is put off") })
    withExtendedLifetime(site) {}
  }
}
