import FoundationEssentials
import Testing

@testable import Runtime
@testable import Wire

/// What a publisher does not tell: what no frame can hold, and what is no longer its own to tell.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct PublisherLimitsTests {
  private let folder: TemporaryFolder
  private var path: String { "\(folder.path)/a.sock" }

  init() throws {
    folder = try TemporaryFolder()
  }

  private struct Object: Encodable, Sendable {
    var type = "object"
    var name: String
    var text: String
  }

  private func object(_ name: String, octets: Int) -> Published {
    Published(key: name, uid: name) {
      try JSONEncoder().encode(Object(name: name, text: String(repeating: "a", count: octets)))
    }
  }

  @EventLoop private func publisher(
    _ log: LogLines, _ objects: @escaping @EventLoop () -> [Published]
  ) throws -> Publisher {
    let publisher = try Publisher(
      path: path, role: .pbsBroker, instance: "broker-1", consumers: .binder, allowedPeers: [],
      clock: SystemClock(), log: log.logger)
    publisher.objects = objects
    return publisher
  }

  @Test @EventLoop func anObjectThatNoFrameHoldsIsNamedAndHarmsNobody() async throws {
    let log = LogLines()
    let objects = [
      object("small", octets: 10), object("huge", octets: Frame.limit), object("other", octets: 10),
    ]
    let publisher = try publisher(log) { objects }
    publisher.setSynced(true)
    let binder = try Peer.greeting(path, .binder, "binder-1")
    try await binder.hears("synced")
    #expect(Set(binder.objects.compactMap(\.name)) == ["small", "other"])
    publisher.publish(object("huge", octets: Frame.limit))
    publisher.publish(object("next", octets: 10))
    try await binder.hears("object", times: 3)
    #expect(binder.objects.last?.name == "next")
    #expect(!binder.isClosed)
    let errors = log.all.filter { $0.hasPrefix("error") }
    #expect(errors.count == 1 && errors.first?.contains("huge is not told") == true)
    publisher.publish(object("huge", octets: 10))
    try await binder.hears("object", times: 4)
    #expect(binder.objects.last?.name == "huge")
  }

  @Test func theLargestFrameThatIsWrittenCanBeRead() throws {
    let largest = Data("{".utf8) + Data(repeating: 0x20, count: Frame.limit - 3) + Data("}".utf8)
    #expect(Frame.fits(largest) && !Frame.fits(largest + Data(" ".utf8)))
    var reader = FrameReader()
    Frame.encode(largest).withUnsafeBytes { reader.append($0) }
    #expect(try reader.next() == largest)
  }

  /// A leader's word counts for as long as its lease does.
  @Test @EventLoop func nothingIsGivenOrToldBeyondTheMomentOfValidity() async throws {
    let log = LogLines()
    let first = object("first", octets: 10)
    let publisher = try publisher(log) { [first] }
    let end = SystemClock().now + 1.2
    publisher.validUntil = end
    publisher.setSynced(true)
    let binder = try Peer.greeting(path, .binder, "binder-1")
    try await binder.hears("synced")
    // The pings of the next seconds, one of which comes after the end.
    try await binder.hears("ping", times: 3)
    let owned = binder.messages.compactMap(\.ownsUntil)
    #expect(owned.allSatisfy { $0 <= end } && owned.contains(end) && owned.last == 0)
    publisher.publish(object("late", octets: 10))
    publisher.announce(key: "first", uid: "first", Object(name: "first", text: ""))
    let late = try Peer.greeting(path, .binder, "binder-2")
    try await late.hears("ping")
    #expect(late.types == ["hello"])
    #expect(binder.objects.map(\.name) == ["first"])
    publisher.setSynced(false)
    try await binder.hearsTheEnd()
  }
}
