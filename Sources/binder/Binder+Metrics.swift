import ConnectorMetrics
import Messages
import Monitoring
import Runtime

/// What binder shows of itself.
extension Binder {
  /// Registers what binder needs in order to work, and what it tells when it is asked.
  /// - Parameter brokers: how many brokers it listens to.
  func watch(by monitor: Monitor, brokers: Int) {
    monitor.readiness.require("kubernetes", for: .start) { [unowned self] in
      access.trouble ?? access.apiTrouble
    }
    monitor.readiness.require("pbs-broker", for: .start) { [unowned self] in
      let connected = subscriptions.count(where: \.isConnected)
      return connected > 0 ? nil : "none of \(brokers) is connected"
    }
    monitor.finish = { [unowned self] in await drain() }
    monitor.collect { [unowned self] registry in
      let (waiting, active) = load
      registry.replace(
        Metric.binderQueue,
        waiting.merging(
          [["events"]: Double(events.waiting), ["select-node"]: Double(claims.waiting)]) { $1 })
      Metric.binderActive.set(Double(active))
      Metric.apiResting.set(access.isResting)
      registry.replace(
        Metric.subscriptions, [[]: Double(subscriptions.count(where: \.isConnected))])
    }
  }

  /// Starts nothing more, and waits for what is under way.
  func drain() async {
    await ending.begin(isIdle: active.isEmpty)
    await events.drain()
  }

  /// How many pods wait, by what is asked for, by a list of that one name; and of how many something
  /// is under way.
  private var load: (waiting: [[String]: Double], active: Int) {
    let waiting = wanted.filter { !active.contains($0.key.uid) }.values
    return (
      waiting.reduce(into: [:]) { $0[[$1.message.request], default: 0] += 1 }, active.count
    )
  }

  /// Counts what has become of something that was asked for.
  func count(_ message: BrokerMessage, _ answer: PodActions.Answer) {
    guard let namespace = message.pod?.namespace else { return }
    let result = answer.result.rawValue
    switch message {
    case .bind: Metric.bindings.count(1, namespace, result)
    case .evict: Metric.deletions.count(1, namespace, result)
    case .report: Metric.reports.count(1, namespace, result)
    case .markNode, .noteNode, .selectNode, .withdraw, .unknown: break
    }
  }
}
