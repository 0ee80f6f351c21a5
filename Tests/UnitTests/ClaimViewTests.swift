import FoundationEssentials
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
    let lines = LogLines()
    private(set) var told: [WatcherMessage] = []
    private(set) var knowledge: [ClaimView.Knowledge] = []
    private(set) var judged = 0

    init() throws {
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
      view = ClaimView(clock: SystemClock(), log: lines.logger)
      claims = Reflector(
        client: client, path: "/c", timing: timing, clock: SystemClock(), log: lines.logger)
      classes = Reflector(
        client: client, path: "/s", timing: timing, clock: SystemClock(), log: lines.logger)
      view.onMessage = { [unowned self] in told.append($0) }
      view.onKnowledge = { [unowned self] in knowledge.append(view.knowledge) }
      view.follow(claims, classes) { [unowned self] _ in judged += 1 }
    }

    func list(_ claims: [PersistentVolumeClaim]) {
      var listing = Listing<PersistentVolumeClaim>()
      listing.objects = claims
      self.claims.onList?(listing)
    }

    func list(_ classes: [StorageClass]) {
      var listing = Listing<StorageClass>()
      listing.objects = classes
      self.classes.onList?(listing)
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
    .claim(VolumeClaim(namespace: "default", name: name, waitsForConsumer: waits))
  }

  @Test @EventLoop func nothingIsKnownBeforeBothAreListed() throws {
    let followed = try Followed()
    followed.list([try claim("data", "late")])
    #expect(followed.view.all.isEmpty && followed.knowledge.isEmpty)
    followed.list([try late("late")])
    #expect(followed.knowledge == [.complete])
    #expect(
      followed.view.all
        == [VolumeClaim(namespace: "default", name: "data", waitsForConsumer: true)])
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
  func aRefusalIsSaidOnceAndOverWhenBothAreListedAgain(_ status: Int) throws {
    let followed = try Followed()
    followed.list([try claim("data", "late")])
    followed.list([try late("late")])
    let refusal = KubernetesError(status: status, body: Data())
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
