import FoundationEssentials
import Kubernetes
import KubernetesClient
import Logging
import Messages
import Runtime
import Text
import Wire

/// Gives volume claims the node for which they are to be provisioned, and writes nothing else of them.
/// The newest message for each claim of a pod stands.
@EventLoop
final class ClaimSelector {
  typealias Answer = (result: BinderMessage.ClaimOutcome.Result, words: String?)

  /// How often a claim is looked at again that changes while it is acted on.
  private static let rounds = 5
  /// What may be wanted at once; more is put off.
  private static let most = 20_000
  /// How many are acted on at once.
  private static let atOnce = 8

  private struct Key: Hashable {
    var pod: String
    var claim: String
  }

  private struct Work {
    var id: Int?
    var select: SelectNode
    var node: String
    var broker: Subscription
  }

  private let instance: String
  private let access: APIAccess
  private let pods: PodActions
  private let log: Logger
  private var wanted: [Key: Work] = [:]
  /// What waits; namespaces take turns.
  private var agenda = Agenda<Key>(urgencies: 1)
  private var active: Set<Key> = []

  init(instance: String, access: APIAccess, pods: PodActions, log: Logger) {
    self.instance = instance
    self.access = access
    self.pods = pods
    self.log = log
  }

  func want(_ select: SelectNode, _ owned: OwnedBrokerMessage, by broker: Subscription) {
    let key = Key(pod: select.pod.uid, claim: select.claim.uid)
    let isAnothers = wanted[key].map { $0.broker !== broker } ?? false
    guard owned.owner == instance, let node = select.node else {
      if !isAnothers { wanted[key] = nil }
      return
    }
    let work = Work(id: owned.id, select: select, node: node, broker: broker)
    guard wanted[key] != nil || wanted.count < Self.most else {
      return answer(work, (.retry, "too many volume claims wait for binder"))
    }
    wanted[key] = work
    if !active.contains(key) { agenda.add(key, of: select.pod.namespace, urgency: 0) }
    start()
  }

  /// Answers what no honest broker asks for.
  func refuse(
    _ select: SelectNode, _ owned: OwnedBrokerMessage, _ problem: String, by broker: Subscription
  ) {
    guard owned.owner == instance, let node = select.node else { return }
    answer(Work(id: owned.id, select: select, node: node, broker: broker), (.refused, problem))
  }

  /// What is still wanted comes again with the snapshot of the next connection.
  func forget(of broker: Subscription) {
    wanted = wanted.filter { $0.value.broker !== broker }
  }

  /// How many claims wait.
  var waiting: Int { wanted.keys.count { !active.contains($0) } }

  func start() {
    while active.count < access.mostAtOnce(Self.atOnce), !access.isResting,
      let key = agenda.next()?.item
    {
      guard let work = wanted[key] else { continue }
      active.insert(key)
      Task { @EventLoop in
        let answer = await perform(work, key)
        active.remove(key)
        if isWanted(work, key) {
          wanted[key] = nil
          self.answer(work, answer)
        } else if let newer = wanted[key] {
          agenda.add(key, of: newer.select.pod.namespace, urgency: 0)
        }
        start()
      }
    }
  }

  private func isWanted(_ work: Work, _ key: Key) -> Bool {
    guard let now = wanted[key] else { return false }
    return now.id == work.id && now.select == work.select && now.broker === work.broker
  }

  private func answer(_ work: Work, _ answer: Answer) {
    let words = answer.words.map { PlainText.escaped($0, limit: PlainText.conditionLimit) }
    work.broker.send(
      BinderMessage.claimOutcome(
        .init(
          pod: work.select.pod, claim: work.select.claim, id: work.id, result: answer.result,
          message: words)))
  }

  private func perform(_ work: Work, _ key: Key) async -> Answer {
    let select = work.select
    do {
      if let answer = try await obstacle(of: select) { return answer }
      let path = KubernetesPath.of(
        "api", "v1", "namespaces", select.pod.namespace, "persistentvolumeclaims",
        select.claim.name)
      for _ in 0..<Self.rounds {
        let claim = try await access.send(
          .getClaims, path, of: select.pod, as: SelectableClaim.self)
        if let answer = claim.answer(to: select, node: work.node) { return answer }
        guard isWanted(work, key), work.broker.ownsItsShare else {
          return (.retry, "no longer wanted")
        }
        do {
          try await access.send(
            .patchClaims, path, of: select.pod,
            body: SelectableClaim.Patch(claim, node: work.node), patch: .merge)
          log.info(
            "volume claim \(select.claimName) is to be provisioned on \(work.node), for pod \(select.pod.fullName) (job \(select.job))",
            metadata: .about(
              pod: select.pod.fullName, uid: select.pod.uid, job: select.job, host: work.node))
          return (.selected, nil)
        } catch let error as KubernetesError where error.status == 409 {
          // It has changed since it was looked at.
          continue
        }
      }
      return (.retry, "the volume claim keeps changing")
    } catch let error as KubernetesError where error.status == 404 {
      return (.gone, error.message)
    } catch let error as KubernetesError where !error.isTransient && error.status != 401 {
      return (.refused, error.description)
    } catch {
      return (.retry, "binder cannot write: \(error)")
    }
  }

  /// Why nothing is done for this pod; nil when something is.
  private func obstacle(of select: SelectNode) async throws -> Answer? {
    guard let pod = try await pods.get(select.pod) else { return (.gone, nil) }
    if let words = pods.foreignWords(pod) { return (.refused, words) }
    if pod.nodeName != nil || pod.isFinished || pod.isTerminating { return (.finished, nil) }
    guard pod.claimNames.contains(select.claim.name) else {
      return (.refused, "the pod does not use volume claim \(select.claimName)")
    }
    return nil
  }
}

/// What deploy/rbac.yaml gives to binder for this.
extension MissingRights.Right {
  static let getClaims = Self(verb: "get", resource: "persistentvolumeclaims")
  static let patchClaims = Self(verb: "patch", resource: "persistentvolumeclaims")
}
