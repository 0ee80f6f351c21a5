import FoundationEssentials

@testable import HTTP

/// A request's URL in parts.
struct APIRequest {
  let method: String
  /// Without the empty first one.
  let path: [Substring]
  let query: [Substring: Substring]

  init(_ request: HTTPRequest) {
    method = request.method
    // "http://simulated/api/v1/pods?limit=500"
    let parts = request.url.split(separator: "?", maxSplits: 1)
    path = Array(parts[0].split(separator: "/").dropFirst(2))
    var query: [Substring: Substring] = [:]
    for item in parts.count > 1 ? parts[1].split(separator: "&") : [] {
      let pair = item.split(separator: "=", maxSplits: 1)
      query[pair[0]] = pair.count > 1 ? pair[1] : ""
    }
    self.query = query
  }

  /// What a list or a watch is of. All pods here are our scheduler's; of others there are none.
  var kind: String {
    let kind = path.last.map(String.init) ?? ""
    let selector = query["fieldSelector"] ?? ""
    return kind == "pods" && (selector.contains("!") || selector.contains("%21"))
      ? "others" : kind
  }

  func number(_ name: Substring) -> Int? { query[name].flatMap { Int($0) } }
}

/// What binders send, as far as the simulated server reads it.
enum APIBody {
  struct Binding: Decodable {
    struct Metadata: Decodable {
      var uid: String?
      var annotations: [String: String]?
    }
    struct Target: Decodable { var name: String }
    var metadata: Metadata
    var target: Target
  }

  struct StatusPatch: Decodable {
    struct Metadata: Decodable {
      var uid: String?
      var resourceVersion: String?
    }
    struct Condition: Decodable {
      var type: String
      var status: String
      var reason: String?
      var message: String?
    }
    struct Status: Decodable { var conditions: [Condition]? }
    var metadata: Metadata?
    var status: Status
  }

  struct Delete: Decodable {
    struct Preconditions: Decodable {
      var uid: String?
      var resourceVersion: String?
    }
    var gracePeriodSeconds: Int?
    var preconditions: Preconditions?
  }
}

extension SimulatedAPI {
  /// Does what is asked for.
  /// - Returns: status and body.
  func answer(_ request: HTTPRequest, from who: String) -> (Int, String) {
    let parts = APIRequest(request)
    let body = request.body ?? Data()
    if parts.kind == "version" {
      return (200, #"{"major":"1","minor":"\#(run.plan.release)","gitVersion":"v1"}"#)
    }
    if parts.kind == "kube-system" {
      return (200, #"{"metadata":{"uid":"11111111-1111-4111-8111-111111111111"}}"#)
    }
    if parts.path.contains("events") { return (201, "{}") }
    if parts.path.contains("leases") { return lease(parts.method, body) }
    guard parts.path.count > 3, parts.path[2] == "namespaces" else {
      return (200, list(parts.kind))
    }
    // api/v1/namespaces/default/pods/NAME/binding
    let name = parts.path.count > 5 ? String(parts.path[5]) : ""
    guard let pod = pods[name], pod.namespace == parts.path[3] else {
      return refusal(404, "pods \(name) not found")
    }
    do {
      switch (parts.method, parts.kind) {
      case ("GET", _): return (200, pod.json)
      case ("POST", "binding"):
        return bind(pod, try JSONDecoder().decode(APIBody.Binding.self, from: body), who)
      case ("PATCH", "status"):
        return patch(pod, try JSONDecoder().decode(APIBody.StatusPatch.self, from: body))
      case ("DELETE", _):
        return delete(pod, try JSONDecoder().decode(APIBody.Delete.self, from: body), who)
      default: return refusal(405, "\(parts.method) \(parts.kind)")
      }
    } catch {
      return refusal(400, "\(error)")
    }
  }

  private func bind(_ pod: SimulatedPod, _ body: APIBody.Binding, _ who: String) -> (Int, String) {
    if run.plan.release >= 36, let uid = body.metadata.uid, uid != pod.uid {
      return refusal(409, "the UID is another")
    }
    if let node = pod.node { return refusal(409, "pod is already assigned to \(node)") }
    if pod.isTerminating || pod.isFinished { return refusal(409, "pod is being deleted") }
    let job = body.metadata.annotations?["pbs-connector/job-id"] ?? ""
    run.history.note("\(who): binds \(pod.name) to \(body.target.name) with \(job)")
    run.judge.binds(pod, to: body.target.name, job: job)
    bind(pod.name, to: body.target.name, body.metadata.annotations ?? [:])
    return (201, #"{"kind":"Status","status":"Success"}"#)
  }

  private func patch(_ pod: SimulatedPod, _ body: APIBody.StatusPatch) -> (Int, String) {
    guard body.metadata?.uid ?? pod.uid == pod.uid,
      body.metadata?.resourceVersion ?? "\(pod.version)" == "\(pod.version)"
    else { return refusal(409, "the object has been modified") }
    let conditions = (body.status.conditions ?? []).map {
      SimulatedPod.Condition(
        type: $0.type, status: $0.status, reason: $0.reason ?? "", message: $0.message ?? "")
    }
    for condition in conditions {
      run.history.note(
        "binder: \(pod.name) \(condition.type)=\(condition.status): \(condition.message)")
    }
    set(conditions, of: pod.name)
    return (200, pods[pod.name]?.json ?? "{}")
  }

  private func delete(
    _ pod: SimulatedPod, _ body: APIBody.Delete, _ who: String
  ) -> (Int, String) {
    guard body.preconditions?.uid ?? pod.uid == pod.uid,
      body.preconditions?.resourceVersion ?? "\(pod.version)" == "\(pod.version)"
    else { return refusal(409, "the object has been modified") }
    run.history.note("\(who): deletes \(pod.name)")
    if !pod.isTerminating {
      run.judge.evicts(pod)
      delete(pod.name, grace: body.gracePeriodSeconds)
    }
    return (200, pod.json)
  }

  func refusal(_ status: Int, _ words: String) -> (Int, String) {
    let reason = [404: "NotFound", 409: "Conflict"][status] ?? "Invalid"
    return (
      status,
      #"{"kind":"Status","code":\#(status),"reason":"\#(reason)","message":\#(quoted(words))}"#
    )
  }
}
