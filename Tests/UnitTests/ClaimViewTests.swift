import FoundationEssentials
import ManualTime
import Testing

@testable import Kubernetes
@testable import KubernetesClient
@testable import Messages
@testable import Runtime
@testable import kube_watcher

/// What is told of claims as lists, changes and refusals come; no server is asked.
@Suite(.runningLoop)
struct ClaimViewTests {
  @EventLoop private final class Followed {
    let view: ClaimView
    let claims: Reflector<PersistentVolumeClaim>
    let classes: Reflector<StorageClass>
    let volumes: Reflector<PersistentVolume>
    let lines = LogLines()
    private(set) var told: [WatcherMessage] = []
    private(set) var knowledge: [ClaimView.Knowledge] = []
    private(set) var judged = 0

    init(clock: any Clock = SystemClock()) throws {
      let folder = try TemporaryFolder()
      let kubeconfig = try folder.write(
        "kubeconfig",
        """
        current-context: c
        clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
        users: [{name: u, user: {}}]
        contexts: [{name: c, context: {cluster: c, user: u}}]
        """)
      let client = KubernetesClient(
        try KubernetesConnection.find(file: kubeconfig), program: "test", clock: SystemClock(),
        log: lines.logger)
      let timing = WatchTiming(silence: 150, checkInterval: 45)
      view = ClaimView(clock: clock, log: lines.logger)
      claims = Reflector(
        client: client, path: "/c", timing: timing, clock: SystemClock(), log: lines.logger)
      classes = Reflector(
        client: client, path: "/s", timing: timing, clock: SystemClock(), log: lines.logger)
      volumes = Reflector(
        client: client, path: "/v", timing: timing, clock: SystemClock(), log: lines.logger)
      view.onMessage = { [unowned self] in told.append($0) }
      view.onKnowledge = { [unowned self] in knowledge.append(view.knowledge) }
      view.follow(claims, classes, volumes) { [unowned self] _ in judged += 1 }
    }

    func list(_ claims: [PersistentVolumeClaim]) {
      var listing = Listing<PersistentVolumeClaim>()
      listing.objects = claims
      self.claims.onList?(listing)
    }

    /// The classes, and volumes with them.
    func list(_ classes: [StorageClass], _ volumes: [PersistentVolume] = []) {
      var listing = Listing<StorageClass>()
      listing.objects = classes
      self.classes.onList?(listing)
      list(volumes)
    }

    func list(_ volumes: [PersistentVolume]) {
      var listing = Listing<PersistentVolume>()
      listing.objects = volumes
      self.volumes.onList?(listing)
    }
  }

  private func claim(_ name: String, _ className: String) throws -> PersistentVolumeClaim {
    let json = """
      {"metadata": {"name": "\(name)", "namespace": "default"},
       "spec": {"storageClassName": "\(className)"}, "status": {"phase": "Pending"}}
      """
    return try JSONDecoder().decode(PersistentVolumeClaim.self, from: Data(json.utf8))
  }

  private func late(_ name: String) throws -> StorageClass {
    let json = #"{"metadata": {"name": "\#(name)"}, "volumeBindingMode": "WaitForFirstConsumer"}"#
    return try JSONDecoder().decode(StorageClass.self, from: Data(json.utf8))
  }

  private func told(_ name: String, waits: Bool) -> WatcherMessage {
    .claim(
      VolumeClaim(namespace: "default", name: name, waitsForConsumer: waits, controller: ""))
  }

  @Test @EventLoop func aClaimSaysFromWhereItsVolumeCanBeReached() throws {
    let followed = try Followed()
    let json = """
      {"metadata": {"name": "data", "namespace": "default"}, "spec": {"volumeName": "v"},
       "status": {"phase": "Bound"}}
      """
    followed.list([try JSONDecoder().decode(PersistentVolumeClaim.self, from: Data(json.utf8))])
    func volume(_ spec: String) throws -> PersistentVolume {
      let json = #"{"metadata": {"name": "v"}, "spec": \#(spec)}"#
      return try JSONDecoder().decode(PersistentVolume.self, from: Data(json.utf8))
    }
    let terms = #"[{"matchExpressions": [{"key": "z", "operator": "In", "values": ["a"]}]}]"#
    let zoned = try volume(
      #"{"nodeAffinity": {"required": {"nodeSelectorTerms": \#(terms)}}, "capacity": {}}"#)
    followed.list([try late("late")], [zoned])
    let told = { followed.view.all.map(\.volume) }
    #expect(told() == [zoned.volume] && zoned.volume.nodes?.nodeSelectorTerms.count == 1)
    followed.volumes.onChange?(.present(try volume("{}")))
    #expect(told() == [.init()])
    followed.volumes.onChange?(.gone(try volume("{}")))
    #expect(told() == [nil])
    followed.list([zoned])
    #expect(told() == [zoned.volume])
    #expect(followed.told.count == 3)
  }

  @Test @EventLoop func nothingIsKnownBeforeBothAreListed() throws {
    let followed = try Followed()
    followed.list([try claim("data", "late")])
    #expect(followed.view.all.isEmpty && followed.knowledge.isEmpty)
    followed.list([try late("late")])
    #expect(followed.knowledge == [.complete])
    #expect(
      followed.view.all
        == [
          VolumeClaim(namespace: "default", name: "data", waitsForConsumer: true, controller: "")
        ])
    #expect(followed.told.isEmpty, "the snapshot tells them")
  }

  @Test @EventLoop func aClassThatComesOrGoesChangesItsClaimsAndNoOthers() throws {
    let followed = try Followed()
    followed.list([try claim("data", "late"), try claim("other", "fast")])
    followed.list([StorageClass]())
    followed.classes.onChange?(.present(try late("late")))
    followed.classes.onChange?(.present(try late("late")))
    followed.classes.onChange?(.gone(try late("late")))
    #expect(followed.told == [told("data", waits: true), told("data", waits: false)])
  }

  @Test @EventLoop func aClaimIsToldWhenItChangesAndWhenItIsGone() throws {
    let followed = try Followed()
    followed.list([PersistentVolumeClaim]())
    followed.list([try late("late")])
    followed.claims.onChange?(.present(try claim("data", "late")))
    followed.claims.onChange?(.present(try claim("data", "late")))
    followed.list([PersistentVolumeClaim]())
    followed.claims.onChange?(.gone(try claim("data", "late")))
    #expect(
      followed.told == [
        told("data", waits: true), .claimGone(namespace: "default", name: "data"),
      ])
  }

  @Test(arguments: [403, 404]) @EventLoop
  func aRefusalIsSaidOnceAndOverWhenBothAreListedAgain(_ status: Int) async throws {
    let clock = ManualClock()
    let followed = try Followed(clock: clock)
    followed.list([try claim("data", "late")])
    followed.list([try late("late")])
    let refusal = KubernetesError(answered: status)
    // A server that starts refuses what it permits a moment later.
    for seconds in [0.0, 10, 19] {
      await clock.advance(by: seconds)
      guard case .listAgainQuietly(let wait)? = followed.claims.onFailure?(refusal) else {
        Issue.record("the reflector would complain as well")
        return
      }
      #expect(wait < 3)
      #expect(followed.knowledge == [.complete])
    }
    await clock.advance(by: 1)
    for _ in 0..<3 {
      guard case .listAgainQuietly(let seconds)? = followed.claims.onFailure?(refusal) else {
        Issue.record("the reflector would complain as well")
        return
      }
      #expect((30...120).contains(seconds))
    }
    #expect(followed.knowledge == [.complete, .refused])
    #expect(followed.view.all.isEmpty)
    followed.claims.onChange?(.present(try claim("late", "late")))
    #expect(followed.told.isEmpty, "what is not known is not told")
    followed.list([try claim("data", "late")])
    #expect(followed.knowledge == [.complete, .refused, .complete])
    #expect(followed.view.all.contains { $0.name == "data" && $0.waitsForConsumer })
    #expect(followed.lines.all.count { $0.hasPrefix("warning") } == 1)
    #expect(followed.judged == 0)
  }

  @Test @EventLoop func aRefusalThatPassesChangesNothing() async throws {
    let clock = ManualClock()
    let followed = try Followed(clock: clock)
    followed.list([try claim("data", "late")])
    followed.list([try late("late")])
    for _ in 0..<3 {
      _ = followed.claims.onFailure?(KubernetesError(answered: 403))
      await clock.advance(by: 20)
      followed.list([try claim("data", "late")])
    }
    #expect(followed.knowledge == [.complete])
    #expect(followed.lines.all.isEmpty)
  }

  @Test @EventLoop func anotherFailureIsTriedAgainAsAnyOther() throws {
    let followed = try Followed()
    let failure = KubernetesError(status: 500, body: Data())
    guard case .retry? = followed.classes.onFailure?(failure) else {
      Issue.record("it is not tried again with backoff")
      return
    }
    #expect(followed.judged == 1 && followed.knowledge.isEmpty)
  }
}
