import Kubernetes

/// How often a pod's condition may be written: a waiting pod is told what is new, and not each
/// number that changes. How often those of all pods are written is ``Binder``'s matter.
struct ReportBudget: Sendable {
  struct Limits: Sendable {
    /// Seconds before a change of numbers alone is written.
    var interval = 300.0
    /// Other words for one pod: so many at once, then one in so many seconds.
    var podBurst = 5.0
    var podInterval = 60.0
    /// Pods that are remembered.
    var pods = 50_000
  }

  enum Verdict: Sendable, Equatable {
    case write
    /// Only its numbers differ from what was written lately.
    case onlyNumbers
    /// To be written later.
    case tooOften
  }

  private struct Pod: Sendable {
    var bucket: TokenBucket
    var job: String?
    var shape: MessageShape
    var text: Int
    var at: Double
  }

  private let limits: Limits
  private var pods: [String: Pod] = [:]
  private var order: [String] = []

  init(limits: Limits = Limits()) {
    self.limits = limits
  }

  /// Whether a pod's condition may be written now.
  /// - Parameters:
  ///   - job: whose words these are. Another job's are news, whatever they say.
  ///   - now: monotonic, in seconds.
  mutating func judge(_ uid: String, job: String?, message: String, now: Double) -> Verdict {
    guard var pod = pods[uid] else { return .write }
    defer { pods[uid] = pod }
    if pod.job == job {
      // The very same words: whoever looks will see whether they still stand.
      if pod.text == message.hashValue { return .write }
      if pod.shape == MessageShape(message), now - pod.at < limits.interval { return .onlyNumbers }
    }
    return pod.bucket.has(now) ? .write : .tooOften
  }

  /// It has been written.
  mutating func wrote(_ uid: String, job: String?, message: String, now: Double) {
    var bucket = pods[uid]?.bucket ?? newBucket(uid)
    _ = bucket.take(now)
    pods[uid] = Pod(
      bucket: bucket, job: job, shape: MessageShape(message), text: message.hashValue, at: now)
  }

  /// How many pods are remembered.
  var remembered: Int { pods.count }

  private mutating func newBucket(_ uid: String) -> TokenBucket {
    order.append(uid)
    if order.count > limits.pods {
      let half = limits.pods / 2
      for uid in order.prefix(half) { pods[uid] = nil }
      order.removeFirst(half)
    }
    return TokenBucket(burst: limits.podBurst, interval: limits.podInterval)
  }
}
