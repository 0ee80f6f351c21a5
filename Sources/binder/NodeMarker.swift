import FoundationEssentials
import Kubernetes
import KubernetesClient
import Logging
import Messages
import Runtime
import Text
import Wire

/// Lets nodes show what brokers ask for: the taint ``WellKnown/offlineTaint`` and labels, and nothing
/// else of them. One node at a time, the newest message of each.
@EventLoop
final class NodeMarker {
  /// How often a node is looked at again that changes while it is acted on.
  private static let rounds = 5
  /// What may be wanted at once; more is put off.
  private static let most = 20_000

  private struct Work {
    var id: Int?
    var mark: MarkNode
    var broker: Subscription
  }

  private let instance: String
  private let access: APIAccess
  private let log: Logger
  /// By the node's UID.
  private var wanted: [String: Work] = [:]
  private var order: [String] = []
  private var isActive = false

  init(instance: String, access: APIAccess, log: Logger) {
    self.instance = instance
    self.access = access
    self.log = log
  }

  func want(_ mark: MarkNode, _ owned: OwnedBrokerMessage, by broker: Subscription) {
    let uid = mark.node.uid
    let isAnothers = wanted[uid].map { $0.broker !== broker } ?? false
    guard owned.owner == instance else {
      if !isAnothers { wanted[uid] = nil }
      return
    }
    let work = Work(id: owned.id, mark: mark, broker: broker)
    guard wanted[uid] != nil || wanted.count < Self.most else {
      return answer(work, .retry, "too many nodes wait for binder")
    }
    if wanted.updateValue(work, forKey: uid) == nil { order.append(uid) }
    start()
  }

  /// What is still wanted comes again with the snapshot of the next connection.
  func forget(of broker: Subscription) {
    wanted = wanted.filter { $0.value.broker !== broker }
  }

  func start() {
    guard !isActive, !access.isResting else { return }
    while !order.isEmpty {
      let uid = order.removeFirst()
      guard let work = wanted[uid] else { continue }
      isActive = true
      Task { @EventLoop in
        let (result, words) = await perform(work, uid)
        isActive = false
        if isWanted(work, uid) {
          wanted[uid] = nil
          answer(work, result, words)
        } else if wanted[uid] != nil {
          order.append(uid)
        }
        start()
      }
      return
    }
  }

  private func isWanted(_ work: Work, _ uid: String) -> Bool {
    guard let now = wanted[uid] else { return false }
    return now.id == work.id && now.mark == work.mark && now.broker === work.broker
  }

  private func answer(
    _ work: Work, _ result: BinderMessage.NodeOutcome.Result, _ words: String?
  ) {
    let words = words.map { PlainText.escaped($0, limit: PlainText.conditionLimit) }
    work.broker.send(
      BinderMessage.nodeOutcome(
        .init(node: work.mark.node, id: work.id, result: result, message: words)))
  }

  private func perform(
    _ work: Work, _ uid: String
  ) async -> (BinderMessage.NodeOutcome.Result, String?) {
    let mark = work.mark
    do {
      for _ in 0..<Self.rounds {
        let node = try await access.send(.getNodes, of: mark.node, as: MarkedNode.self)
        guard node.metadata.uid == uid else { return (.gone, nil) }
        guard let patch = NodePatch(node, mark) else { return (.marked, nil) }
        guard isWanted(work, uid), work.broker.ownsItsShare else {
          return (.retry, "no longer wanted")
        }
        do {
          _ = try await access.send(
            .patchNodes, of: mark.node, body: patch, patch: .merge, as: MarkedNode.self)
          log.info(
            "node \(mark.node.name): \(PlainText.escaped(mark.reason, limit: PlainText.eventLimit))"
          )
          return (.marked, nil)
        } catch let error as KubernetesError where error.status == 409 {
          // It has changed since it was looked at.
          continue
        }
      }
      return (.retry, "the node keeps changing")
    } catch let error as KubernetesError where error.status == 404 {
      return (.gone, error.message)
    } catch let error as KubernetesError where !error.isTransient && error.status != 401 {
      return (.refused, error.description)
    } catch {
      return (.retry, "binder cannot write: \(error)")
    }
  }
}

/// What deploy/rbac-nodes.yaml gives to binder.
extension MissingRights.Right {
  static let getNodes = Self(verb: "get", resource: "nodes")
  static let patchNodes = Self(verb: "patch", resource: "nodes")
}
