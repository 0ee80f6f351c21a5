import FoundationEssentials
import Logging
import Shared

/// What a binder does to pods through the API. Each action compares the pod's UID before it
/// acts on the name, and is safe to repeat.
@EventLoop
final class PodActions {
  private let client: KubernetesClient
  private let log: Logger
  /// Whether the server itself compares the UID in a Binding. Kubernetes 1.36 was seen to,
  /// 1.20 not; servers between them, or that do not say, are not trusted to.
  private var serverComparesUID = false

  /// How an action went.
  struct Answer: Sendable {
    var result: BinderMessage.Result
    /// The API server's words.
    var words: String?
    /// Done by this call, not found done.
    var isNew = false
    /// Seconds that the server asks all requests to wait.
    var rest: Double?
  }

  init(client: KubernetesClient, log: Logger) {
    self.client = client
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
    var backoff = Backoff(first: 0.5, longest: 30)
    while true {
      do {
        let info = try await client.send("GET", "/version", as: Info.self)
        let minor = Int(info.minor.prefix { $0.isNumber }) ?? 0
        serverComparesUID = info.major == "1" && minor >= 36
        log.debug("\(client.server) is \(info.gitVersion)")
        return
      } catch let error as KubernetesError where error.status == 401 && !client.credentialCanChange
      {
        throw StartupError("\(client.server) refuses the credential: \(error)")
      } catch let error as KubernetesError where error.status == 403 {
        return  // Not told to everybody; assume the least.
      } catch {
        let delay = backoff.delay()
        log.warning("\(client.server): \(error); trying again in \(String(rounded: delay)) s")
        try await EventLoop.sleep(seconds: delay)
      }
    }
  }

  // MARK: Bind

  private struct Binding: Encodable, Sendable {
    var apiVersion = "v1"
    var kind = "Binding"
    var metadata: ObjectMeta
    var target: Target
    struct Target: Encodable, Sendable {
      var apiVersion = "v1"
      var kind = "Node"
      var name: String
    }
  }

  /// Binds a pod to the node of its job, which is recorded on the pod by the same call.
  func bind(_ bind: BrokerMessage.Bind, isWanted: @EventLoop () -> Bool) async -> Answer {
    do {
      if !serverComparesUID, let answer = try await state(of: bind) { return answer }
      // Between the message and this moment the job may have ended.
      guard isWanted() else { return Answer(result: .retry, words: "no longer wanted") }
      let binding = Binding(
        metadata: ObjectMeta(
          name: bind.pod.name, namespace: bind.pod.namespace, uid: bind.pod.uid,
          annotations: [WellKnown.jobID: bind.job, WellKnown.runCount: "\(bind.runCount)"]),
        target: .init(name: bind.node))
      do {
        try await client.send("POST", path(bind.pod) + "/binding", body: binding)
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
    if let node = pod.nodeName {
      return node == bind.node
        ? Answer(result: .bound)
        : Answer(result: .conflict, words: "it is already assigned to \(node)")
    }
    return pod.isTerminating || pod.isFinished ? Answer(result: .finished) : nil
  }

  // MARK: Evict

  private struct StatusPatch: Encodable, Sendable {
    struct Metadata: Encodable, Sendable { var uid: String }
    struct Status: Encodable, Sendable { var conditions: [Condition] }
    struct Condition: Encodable, Sendable {
      var type: String
      var status: String
      var reason: String
      var message: String
      var lastTransitionTime = Timestamp.now()
    }
    var metadata: Metadata
    var status: Status

    init(_ pod: PodReference, _ condition: Condition) {
      // Makes the patch fail when the name has come to mean another pod.
      metadata = Metadata(uid: pod.uid)
      status = Status(conditions: [condition])
    }
  }

  private struct DeleteOptions: Encodable, Sendable {
    struct Preconditions: Encodable, Sendable {
      var uid: String
      var resourceVersion: String?
    }
    var apiVersion = "v1"
    var kind = "DeleteOptions"
    var preconditions: Preconditions
  }

  /// Deletes a pod whose job has ended, with the pod's own grace period, after saying why in
  /// its DisruptionTarget condition. A pod that has finished is left alone.
  func evict(_ evict: BrokerMessage.Evict, isWanted: @EventLoop () -> Bool) async -> Answer {
    let condition = StatusPatch.Condition(
      type: "DisruptionTarget", status: "True", reason: "PBSJobEnded", message: evict.message)
    do {
      // The delete is conditional on the very state that was looked at, so a pod that
      // finishes in between is looked at again.
      for _ in 0..<5 {
        guard let pod = try await get(evict.pod) else { return Answer(result: .gone) }
        if pod.isFinished { return Answer(result: .finished) }
        if pod.isTerminating { return Answer(result: .deleted) }
        guard isWanted() else { return Answer(result: .retry, words: "no longer wanted") }
        do {
          let patched = try await client.patch(
            path(evict.pod) + "/status", .strategic, StatusPatch(evict.pod, condition), as: Pod.self
          )
          if patched.isFinished { return Answer(result: .finished) }
          let options = DeleteOptions(
            preconditions: .init(
              uid: evict.pod.uid, resourceVersion: patched.metadata.resourceVersion))
          try await client.send("DELETE", path(evict.pod), body: options)
          return Answer(result: .deleted, isNew: true)
        } catch let error as KubernetesError where error.status == 409 || error.status == 422 {
          // Another state, or (422, "field is immutable") another UID: look again.
          continue
        }
      }
      return Answer(result: .retry, words: "the pod keeps changing")
    } catch {
      return failure(error)
    }
  }

  // MARK: Report

  /// Writes the PodScheduled condition where the report asks for it.
  func report(_ report: BrokerMessage.Report) async -> Answer {
    guard report.unscheduled else { return Answer(result: .reported) }
    let condition = StatusPatch.Condition(
      type: "PodScheduled", status: "False", reason: "Unschedulable", message: report.message)
    do {
      _ = try await client.patch(
        path(report.pod) + "/status", .strategic, StatusPatch(report.pod, condition), as: Pod.self)
      return Answer(result: .reported)
    } catch let error as KubernetesError where error.status == 409 || error.status == 422 {
      // The UID in the patch is not that of the pod which has the name now.
      do {
        return try await get(report.pod) == nil
          ? Answer(result: .gone) : Answer(result: .refused, words: error.description)
      } catch {
        return failure(error)
      }
    } catch {
      return failure(error)
    }
  }

  // MARK: Common

  private func path(_ pod: PodReference) -> String {
    "/api/v1/namespaces/\(pod.namespace)/pods/\(pod.name)"
  }

  /// The pod of this UID; nil when there is none.
  private func get(_ reference: PodReference) async throws -> Pod? {
    do {
      let pod = try await client.send("GET", path(reference), as: Pod.self)
      return pod.metadata.uid == reference.uid ? pod : nil
    } catch let error as KubernetesError where error.status == 404 {
      return nil
    }
  }

  private func failure(_ error: any Error) -> Answer {
    guard let error = error as? KubernetesError else {
      return Answer(result: .retry, words: "\(error)")
    }
    if error.status == 404 { return Answer(result: .gone, words: error.message) }
    if error.isTransient || error.status == 401 {
      return Answer(
        result: .retry, words: error.description,
        rest: error.status == 429 ? error.retryAfter ?? 1 : nil)
    }
    return Answer(result: .refused, words: error.description)
  }
}
