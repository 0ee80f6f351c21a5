import Kubernetes

/// How long PBS's queues let a job's end take, against how long pods may take for theirs.
struct KillDelays: Sendable, Equatable {
  /// Seconds that PBS waits where a queue says nothing (OpenPBS, "kill_delay").
  static let standard = 10
  /// Seconds that a pod has which asks for none (Kubernetes, terminationGracePeriodSeconds).
  static let standardGrace = 30

  /// kill_delay by queue, of execution queues that are enabled.
  var queues: [String: Int]

  /// From `qstat -Q -f`.
  init(_ objects: [PBSText.Object]) {
    queues = objects.reduce(into: [:]) { queues, queue in
      guard queue.attributes["queue_type"] == "Execution", queue.attributes["enabled"] == "True",
        PBSHosts.isName(queue.name)
      else { return }
      queues[queue.name] = queue.attributes["kill_delay"].flatMap { Int($0) } ?? Self.standard
    }
  }

  /// What is to be told of a pod that may take longer to end than its job's queue lets it; nil for
  /// nothing. Of pods with no more than Kubernetes' own default nothing is told: that is the queue's
  /// matter, and an administrator hears of it (`pbs-broker doctor`).
  func warning(grace: Int?, queue: String?) -> String? {
    guard let grace, let queue, let delay = queues[queue], grace > max(delay, Self.standardGrace)
    else { return nil }
    return
      "its grace period of \(grace) s is longer than kill_delay of queue \(queue), \(delay) s: when PBS ends its job, PBS may give its place to others before it has ended"
  }

  /// What is to be said of each queue, sorted: while a pod still ends, PBS gives its place away.
  /// - Parameter graces: seconds, of the pods there are.
  func findings(graces: [Int]) -> [HostReport.Finding] {
    let longest = graces.max() ?? Self.standardGrace
    return queues.sorted { $0.key < $1.key }.filter { $0.value < longest }.map { queue, delay in
      let count = graces.filter { $0 > delay }.count
      return .init(
        kind: .killDelay,
        words:
          "queue \(queue): kill_delay is \(delay) s, and \(graces.isEmpty ? "pods have" : "\(count) pods have up to") \(longest) s of grace: PBS gives their places away before they have ended",
        cure: "qmgr -c 'set queue \(queue) kill_delay = \(longest)'", isWrong: false)
    }
  }
}
