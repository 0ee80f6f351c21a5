import Kubernetes
import KubernetesClient
import Logging
import Messages
import Runtime

/// The volume claims of all namespaces, each with what its storage class says of it.
@EventLoop
final class ClaimView {
  /// Whether claims can be told.
  enum Knowledge { case pending, complete, refused }

  private enum Part { case claims, classes }

  /// Seconds between tries for what kube-watcher has no right to read.
  private static let refusedInterval = 60.0

  private let clock: any Clock
  private let log: Logger
  private var claims: [String: PersistentVolumeClaim] = [:]
  /// The classes whose claims wait for a consumer.
  private var waitingClasses: Set<String> = []
  private var listed: Set<Part> = []
  private(set) var knowledge = Knowledge.pending

  /// Gets each message on a claim, while knowledge is complete.
  var onMessage: (@EventLoop (WatcherMessage) -> Void)?
  /// Knowledge has changed.
  var onKnowledge: (@EventLoop () -> Void)?

  init(clock: any Clock, log: Logger) {
    self.clock = clock
    self.log = log
  }

  /// All claims, while knowledge is complete.
  var all: [VolumeClaim] { knowledge == .complete ? claims.values.map(resolved) : [] }

  /// Follows what the two reflectors hear.
  /// - Parameter judge: gets the failures that are not missing rights.
  func follow(
    _ claims: Reflector<PersistentVolumeClaim>, _ classes: Reflector<StorageClass>,
    judge: @escaping @EventLoop (any Error) -> Void
  ) {
    claims.onList = { [unowned self] in replace($0) }
    claims.onChange = { [unowned self] in change($0) }
    claims.onFailure = { [unowned self] in react(to: $0, .claims, judge) }
    classes.onList = { [unowned self] in replace($0) }
    classes.onChange = { [unowned self] in change($0) }
    classes.onFailure = { [unowned self] in react(to: $0, .classes, judge) }
  }

  func forget() {
    claims.removeAll()
    waitingClasses.removeAll()
    listed.removeAll()
    knowledge = .pending
  }

  // MARK: Claims

  private func replace(_ listing: Listing<PersistentVolumeClaim>) {
    let unreadable = listing.unreadable.map { "\($0.namespace ?? "")/\($0.name)" }
    let present = Set(listing.objects.map(\.claim.fullName)).union(unreadable)
    for (name, claim) in claims where !present.contains(name) { remove(claim) }
    for claim in listing.objects { update(claim) }
    complete(.claims)
  }

  private func change(_ change: Reflector<PersistentVolumeClaim>.Change) {
    switch change {
    case .present(let claim): update(claim)
    case .gone(let claim): remove(claim)
    }
  }

  private func update(_ claim: PersistentVolumeClaim) {
    let before = claims.updateValue(claim, forKey: claim.claim.fullName)
    if before.map(resolved) != resolved(claim) { tell(.claim(resolved(claim))) }
  }

  private func remove(_ claim: PersistentVolumeClaim) {
    guard claims.removeValue(forKey: claim.claim.fullName) != nil else { return }
    tell(.claimGone(namespace: claim.claim.namespace, name: claim.claim.name))
  }

  // MARK: Classes

  private func replace(_ listing: Listing<StorageClass>) {
    var waiting = Set(listing.objects.lazy.filter(\.waitsForConsumer).map(\.name))
    waiting.formUnion(listing.unreadable.lazy.map(\.name).filter(waitingClasses.contains))
    let changed = waiting.symmetricDifference(waitingClasses)
    waitingClasses = waiting
    tellClaims(of: changed)
    complete(.classes)
  }

  private func change(_ change: Reflector<StorageClass>.Change) {
    let changed: Bool
    let name: String
    switch change {
    case .present(let one) where one.waitsForConsumer:
      name = one.name
      changed = waitingClasses.insert(name).inserted
    case .present(let one), .gone(let one):
      name = one.name
      changed = waitingClasses.remove(name) != nil
    }
    if changed { tellClaims(of: [name]) }
  }

  private func tellClaims(of classes: Set<String>) {
    guard !classes.isEmpty else { return }
    for claim in claims.values where classes.contains(claim.className) {
      tell(.claim(resolved(claim)))
    }
  }

  // MARK: What can be told

  private func resolved(_ claim: PersistentVolumeClaim) -> VolumeClaim {
    var result = claim.claim
    result.waitsForConsumer = waitingClasses.contains(claim.className)
    return result
  }

  private func tell(_ message: WatcherMessage) {
    if knowledge == .complete { onMessage?(message) }
  }

  private func complete(_ part: Part) {
    listed.insert(part)
    guard listed == [.claims, .classes], knowledge != .complete else { return }
    if knowledge == .refused { log.notice("volume claims can be read now") }
    knowledge = .complete
    onKnowledge?()
  }

  private func react<Object>(
    to error: any Error, _ part: Part, _ judge: @EventLoop (any Error) -> Void
  ) -> Reflector<Object>.Reaction {
    guard let refusal = error as? KubernetesError, [403, 404].contains(refusal.status) else {
      judge(error)
      return .retry
    }
    listed.remove(part)
    if knowledge != .refused {
      log.warning(
        """
        goes on without volume claims, since they cannot be read: \(refusal): give kube-watcher \
        the rights list and watch on persistentvolumeclaims and storageclasses (deploy/rbac.yaml)
        """)
      knowledge = .refused
      onKnowledge?()
    }
    return .listAgainQuietly(after: Self.refusedInterval * clock.random(in: 0.8...1.2))
  }
}
