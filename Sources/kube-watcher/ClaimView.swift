import Kubernetes
import KubernetesClient
import Logging
import Messages
import Runtime

/// The volume claims of all namespaces, each with what its storage class and its volume say of it.
@EventLoop
final class ClaimView {
  /// Whether claims can be told.
  enum Knowledge { case pending, complete, refused }

  private enum Part { case claims, classes, volumes }

  /// Seconds between tries for what kube-watcher has no right to read.
  private static let refusedInterval = 60.0
  /// Seconds for which what is known counts although kube-watcher is refused more of it, and between
  /// tries in that time: an API server that starts refuses what it permits a moment later.
  private static let patience = 30.0
  private static let patientInterval = 2.0

  private let clock: any Clock
  private let log: Logger
  private var claims: [String: PersistentVolumeClaim] = [:]
  /// The classes whose claims wait for a consumer.
  private var waitingClasses: [String: StorageClass] = [:]
  /// Volumes by name, and the claims that name them.
  private var volumes: [String: VolumeClaim.Volume] = [:]
  private var claimsOfVolume: [String: Set<String>] = [:]
  private var listed: Set<Part> = []
  private(set) var knowledge = Knowledge.pending
  /// Since when it has been refused what it could read before; nil while it is not.
  private var refusedSince: Double?

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

  /// Follows what the three reflectors hear.
  /// - Parameter judge: gets the failures that are not missing rights.
  func follow(
    _ claims: Reflector<PersistentVolumeClaim>, _ classes: Reflector<StorageClass>,
    _ volumes: Reflector<PersistentVolume>,
    judge: @escaping @EventLoop (any Error) -> Void
  ) {
    claims.onList = { [unowned self] in replace($0) }
    claims.onChange = { [unowned self] in change($0) }
    claims.onFailure = { [unowned self] in react(to: $0, .claims, judge) }
    classes.onList = { [unowned self] in replace($0) }
    classes.onChange = { [unowned self] in change($0) }
    classes.onFailure = { [unowned self] in react(to: $0, .classes, judge) }
    volumes.onList = { [unowned self] in replace($0) }
    volumes.onChange = { [unowned self] in change($0) }
    volumes.onFailure = { [unowned self] in react(to: $0, .volumes, judge) }
  }

  func forget() {
    claims.removeAll()
    waitingClasses.removeAll()
    volumes.removeAll()
    claimsOfVolume.removeAll()
    listed.removeAll()
    knowledge = .pending
    refusedSince = nil
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
    if before?.volumeName != claim.volumeName {
      if let before { unlink(before) }
      if let name = claim.volumeName {
        claimsOfVolume[name, default: []].insert(claim.claim.fullName)
      }
    }
    if before.map(resolved) != resolved(claim) { tell(.claim(resolved(claim))) }
  }

  private func remove(_ claim: PersistentVolumeClaim) {
    guard let before = claims.removeValue(forKey: claim.claim.fullName) else { return }
    unlink(before)
    tell(.claimGone(namespace: claim.claim.namespace, name: claim.claim.name))
  }

  private func unlink(_ claim: PersistentVolumeClaim) {
    guard let name = claim.volumeName else { return }
    claimsOfVolume[name]?.remove(claim.claim.fullName)
    if claimsOfVolume[name]?.isEmpty == true { claimsOfVolume[name] = nil }
  }

  // MARK: Classes

  private func replace(_ listing: Listing<StorageClass>) {
    var waiting = Dictionary(
      listing.objects.lazy.filter(\.waitsForConsumer).map { ($0.name, $0) },
      uniquingKeysWith: { $1 })
    for object in listing.unreadable { waiting[object.name] = waitingClasses[object.name] }
    let names = Set(waiting.keys).union(waitingClasses.keys)
    let changed = names.filter { waiting[$0] != waitingClasses[$0] }
    waitingClasses = waiting
    tellClaims(of: changed)
    complete(.classes)
  }

  private func change(_ change: Reflector<StorageClass>.Change) {
    let name: String
    let before: StorageClass?
    switch change {
    case .present(let one) where one.waitsForConsumer:
      name = one.name
      before = waitingClasses.updateValue(one, forKey: name)
    case .present(let one), .gone(let one):
      name = one.name
      before = waitingClasses.removeValue(forKey: name)
    }
    if waitingClasses[name] != before { tellClaims(of: [name]) }
  }

  private func tellClaims(of classes: Set<String>) {
    guard !classes.isEmpty else { return }
    for claim in claims.values where classes.contains(claim.className) {
      tell(.claim(resolved(claim)))
    }
  }

  // MARK: Volumes

  private func replace(_ listing: Listing<PersistentVolume>) {
    var present = Dictionary(
      listing.objects.map { ($0.name, $0.volume) }, uniquingKeysWith: { $1 })
    for object in listing.unreadable { present[object.name] = volumes[object.name] }
    let names = Set(volumes.keys).union(present.keys)
    let changed = names.filter { volumes[$0] != present[$0] }
    volumes = present
    for name in changed { tellClaims(ofVolume: name) }
    complete(.volumes)
  }

  private func change(_ change: Reflector<PersistentVolume>.Change) {
    let name: String
    let before: VolumeClaim.Volume?
    switch change {
    case .present(let one):
      name = one.name
      before = volumes.updateValue(one.volume, forKey: name)
    case .gone(let one):
      name = one.name
      before = volumes.removeValue(forKey: name)
    }
    if volumes[name] != before { tellClaims(ofVolume: name) }
  }

  private func tellClaims(ofVolume name: String) {
    for claim in claimsOfVolume[name] ?? [] {
      if let claim = claims[claim] { tell(.claim(resolved(claim))) }
    }
  }

  // MARK: What can be told

  private func resolved(_ claim: PersistentVolumeClaim) -> VolumeClaim {
    var result = claim.claim
    if let waiting = waitingClasses[claim.className], result.isBound || claim.volumeName == nil {
      result.waitsForConsumer = true
      result.provisioner = result.isBound ? nil : waiting.provisioner
      result.topology = result.isBound ? nil : waiting.topology
    }
    if result.isBound { result.volume = claim.volumeName.flatMap { volumes[$0] } }
    return result
  }

  private func tell(_ message: WatcherMessage) {
    if knowledge == .complete { onMessage?(message) }
  }

  private func complete(_ part: Part) {
    listed.insert(part)
    guard listed == [.claims, .classes, .volumes] else { return }
    refusedSince = nil
    guard knowledge != .complete else { return }
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
    if knowledge == .complete {
      let since = refusedSince ?? clock.now
      refusedSince = since
      if clock.now - since < Self.patience {
        return .listAgainQuietly(after: Self.patientInterval * clock.random(in: 0.8...1.2))
      }
    }
    if knowledge != .refused {
      log.warning(
        """
        goes on without volume claims, since they cannot be read: \(refusal): give kube-watcher \
        the rights list and watch on persistentvolumeclaims, storageclasses and persistentvolumes \
        (deploy/rbac.yaml)
        """)
      knowledge = .refused
      onKnowledge?()
    }
    return .listAgainQuietly(after: Self.refusedInterval * clock.random(in: 0.8...1.2))
  }
}
