import FoundationEssentials
import Kubernetes
import KubernetesClient
import Logging
import Messages
import Runtime
import Startup
import Text

/// What a binder does to pods through the API. Each action compares the pod's UID before it
/// acts on the name, touches only pods of our scheduler names, and is safe to repeat.
@EventLoop
final class PodActions {
  struct Limits: Sendable {
    /// spec.schedulerName of the pods that are ours.
    var schedulerNames: Set<String> = [WellKnown.schedulerName]
    /// Seconds that a pod may take to end, at the most.
    var longestGrace = 3600
  }

  /// How often a pod is looked at again that changes while it is acted on.
  private static let rounds = 5

  private let access: APIAccess
  private let limits: Limits
  private let clock: any Clock
  private let log: Logger
  private var budget = ReportBudget()
  /// Whether a Binding may be sent without a look at the pod. The server itself compares the UID then,
  /// as Kubernetes does from 1.23 on (CHANGELOG-1.23, "pods/binding": 105913; seen with 1.36, and not
  /// with 1.20), and has admission policies to keep us off the pods of other schedulers, as from 1.30
  /// on. Servers that do not say are not trusted to.
  private var bindsUnseen = false

  /// How an action went.
  struct Answer: Sendable {
    var result: BinderMessage.Result
    /// The API server's words, or ours.
    var words: String?
    /// Done by this call, not found done.
    var isNew = false
    /// What the Event says besides the broker's message.
    var note: String?
  }

  init(access: APIAccess, limits: Limits, clock: any Clock, log: Logger) {
    self.access = access
    self.limits = limits
    self.clock = clock
    self.log = log
  }

  /// Meets the server: learns its version, and waits while it cannot be reached.
  /// - Throws: `StartupError` when it refuses the credential for good.
  func greet() async throws {
    struct Info: Decodable, Sendable {
      var major: String
      var minor: String
      var gitVersion: String
    }
    var backoff = Backoff(first: 0.5, longest: 30, jitter: clock.jitter())
    var said: String?
    while true {
      do {
        let info = try await access.version(as: Info.self)
        let minor = Int(info.minor.prefix { $0.isNumber }) ?? 0
        bindsUnseen = info.major == "1" && minor >= 30
        log.debug("\(access.server) is \(info.gitVersion)")
        if said != nil { log.notice("\(access.server) answers") }
        return
      } catch let error as KubernetesError where error.status == 401 && !access.credentialCanChange
      {
        throw StartupError("\(access.server) refuses the credential: \(error)")
      } catch let error as KubernetesError where error.status == 403 {
        // Not told to everybody; the least is assumed.
        return log.debug("\(access.server) does not tell its version: \(error)")
      } catch {
        let delay = backoff.delay()
        if said != "\(error)" {
          log.warning(
            "\(access.server): \(error); trying again in \(String(rounded: delay)) s, and until it answers"
          )
        }
        said = "\(error)"
        try await clock.sleep(seconds: delay)
      }
    }
  }

  // MARK: Bind

  /// Binds a pod to the node of its job, which is recorded on the pod by the same call.
  func bind(_ bind: BrokerMessage.Bind, isWanted: @EventLoop () -> Bool) async -> Answer {
    do {
      if !bindsUnseen, let answer = try await state(of: bind) { return answer }
      // Between the message and this moment the job may have ended.
      guard isWanted() else { return Self.noLongerWanted }
      do {
        try await access.send(
          .createBinding, KubernetesPath.pod(bind.pod, "binding"), of: bind.pod,
          body: PodChanges.Binding(bind))
        return Answer(result: .bound, isNew: true)
      } catch let error as KubernetesError where error.status == 409 {
        return try await state(of: bind) ?? Answer(result: .retry, words: error.message)
      }
    } catch {
      return failure(error)
    }
  }

  /// The answer that the pod's present state gives; nil when it can be bound.
  private func state(of bind: BrokerMessage.Bind) async throws -> Answer? {
    guard let pod = try await get(bind.pod) else { return Answer(result: .gone) }
    if let foreign = foreign(pod) { return foreign }
    if let node = pod.nodeName {
      return node == bind.node
        ? Answer(result: .bound)
        : Answer(result: .conflict, words: "it is already assigned to \(node)")
    }
    return pod.isTerminating || pod.isFinished ? Answer(result: .finished) : nil
  }

  // MARK: Evict

  /// Deletes a pod whose job has ended, with the pod's own grace period or the longest one, after
  /// saying why in its DisruptionTarget condition. A pod that has finished is left alone.
  func evict(_ evict: BrokerMessage.Evict, isWanted: @EventLoop () -> Bool) async -> Answer {
    let condition = PodChanges.Condition(
      type: "DisruptionTarget", status: "True", reason: "PBSJobEnded", message: evict.message)
    return await untilUnchanged(evict.pod) { pod in
      if pod.isFinished { return Answer(result: .finished) }
      // A restored etcd has undone its binding: no job's end concerns it.
      if pod.nodeName == nil, !pod.isTerminating {
        return Answer(result: .conflict, words: "it is bound to no node")
      }
      let isExceeded = Grace.isExceeded(
        by: pod, longest: self.limits.longestGrace, now: self.clock.date)
      if pod.isTerminating, !isExceeded {
        // In these words it was we who deleted it, though an answer may have been lost.
        return Answer(result: .deleted, isNew: condition.stands(on: pod))
      }
      guard isWanted() else { return Self.noLongerWanted }
      var present = pod
      if !pod.isTerminating, !condition.stands(on: pod) {
        present = try await self.set(condition, on: pod, evict.pod)
        if present.isFinished { return Answer(result: .finished) }
        guard isWanted() else { return Self.noLongerWanted }
      }
      let grace =
        isExceeded
        ? self.limits.longestGrace : Grace.limit(of: pod, longest: self.limits.longestGrace)
      // Conditional on the very state that was looked at: a pod that finishes in between is
      // looked at again.
      try await self.access.send(
        .deletePods, KubernetesPath.pod(evict.pod), of: evict.pod,
        body: PodChanges.DeleteOptions(
          evict.pod, resourceVersion: present.metadata.resourceVersion, grace: grace))
      return Answer(
        result: .deleted, isNew: true,
        note: grace.map { Grace.words(pod, longest: $0) })
    }
  }

  // MARK: Report

  /// Writes the PodScheduled condition where the report asks for it, the pod still waits, and it
  /// says something new.
  func report(_ report: BrokerMessage.Report, isWanted: @EventLoop () -> Bool) async -> Answer {
    let message = report.message
    if report.unscheduled {
      switch budget.judge(report.pod.uid, job: report.job, message: message, now: clock.now) {
      case .write: break
      case .onlyNumbers: return Answer(result: .reported)
      case .tooOften: return Answer(result: .retry, words: "it is reported on too often")
      }
    }
    let condition = PodChanges.Condition(
      type: "PodScheduled", status: "False", reason: "Unschedulable", message: message)
    return await untilUnchanged(report.pod) { pod in
      guard report.unscheduled else { return Answer(result: .reported) }
      // Bound meanwhile, or about to go: what was to be said is no longer so.
      if pod.nodeName != nil || pod.isFinished || pod.isTerminating {
        return Answer(result: .finished)
      }
      let key = WellKnown.estimatedStart
      let isEstimated = pod.metadata.annotations?[key] == report.estimatedStart
      if condition.stands(on: pod), isEstimated { return Answer(result: .reported) }
      guard isWanted() else { return Self.noLongerWanted }
      _ = try await self.set(
        condition, on: pod, report.pod,
        annotations: isEstimated ? nil : [key: report.estimatedStart])
      self.budget.wrote(report.pod.uid, job: report.job, message: message, now: clock.now)
      return Answer(result: .reported, isNew: true)
    }
  }

  // MARK: Common

  /// Looks at a pod of ours and acts on what is seen; again when it changes meanwhile.
  private func untilUnchanged(
    _ reference: PodReference, _ act: @EventLoop (Pod) async throws -> Answer
  ) async -> Answer {
    var refused: (version: String?, words: String)?
    do {
      for _ in 0..<Self.rounds {
        guard let pod = try await get(reference) else { return Answer(result: .gone) }
        if let foreign = foreign(pod) { return foreign }
        if let refused, refused.version == pod.metadata.resourceVersion {
          return Answer(result: .refused, words: refused.words)
        }
        do {
          return try await act(pod)
        } catch let error as KubernetesError where error.status == 409 {
          continue
        } catch let error as KubernetesError where error.status == 422 {
          // Another UID ("field is immutable"), or an admission policy that says no.
          refused = (pod.metadata.resourceVersion, error.description)
        }
      }
      return Answer(result: .retry, words: "the pod keeps changing")
    } catch {
      return failure(error)
    }
  }

  private func foreign(_ pod: Pod) -> Answer? {
    foreignWords(pod).map { Answer(result: .refused, words: $0) }
  }

  /// Why nothing is done to a pod that is another scheduler's; nil for one of ours.
  func foreignWords(_ pod: Pod) -> String? {
    let name = pod.spec.schedulerName ?? "default-scheduler"
    if limits.schedulerNames.contains(name) { return nil }
    return "its scheduler is \(PlainText.quoted(name)), which is not in binder's scheduler-name"
  }

  private func set(
    _ condition: PodChanges.Condition, on pod: Pod, _ reference: PodReference,
    annotations: [String: String?]? = nil
  ) async throws -> Pod {
    try await access.send(
      .patchStatus, KubernetesPath.pod(reference, "status"), of: reference,
      body: PodChanges.StatusPatch(pod, condition, now: clock.date, annotations: annotations),
      patch: .strategic, as: Pod.self)
  }

  /// The pod of this UID; nil when there is none.
  func get(_ reference: PodReference) async throws -> Pod? {
    do {
      let pod = try await access.send(
        .getPods, KubernetesPath.pod(reference), of: reference, as: Pod.self)
      return pod.metadata.uid == reference.uid ? pod : nil
    } catch let error as KubernetesError where error.status == 404 {
      return nil
    }
  }

  private static let noLongerWanted = Answer(result: .retry, words: "no longer wanted")

  private func failure(_ error: any Error) -> Answer {
    guard let error = error as? KubernetesError else {
      return Answer(result: .retry, words: "binder cannot write: \(error)")
    }
    if error.status == 404 { return Answer(result: .gone, words: error.message) }
    if error.isTransient || error.status == 401, !error.isOfWebhook {
      return Answer(result: .retry, words: "binder cannot write: \(error)")
    }
    return Answer(result: .refused, words: error.description)
  }
}

/// What deploy/rbac.yaml gives to binder.
extension MissingRights.Right {
  static let createBinding = Self(verb: "create", resource: "pods/binding")
  static let getPods = Self(verb: "get", resource: "pods")
  static let deletePods = Self(verb: "delete", resource: "pods")
  static let patchStatus = Self(verb: "patch", resource: "pods/status")
  static let createEvents = Self(verb: "create", resource: "events")
  static let patchEvents = Self(verb: "patch", resource: "events")
}
