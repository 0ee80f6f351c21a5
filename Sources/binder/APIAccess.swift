import FoundationEssentials
import KubernetesClient
import Logging
import Messages
import Runtime
import Startup
import Text

/// The way of all of binder's requests to the API server: what goes wrong with the server or with
/// our rights is noticed here, said once, and rested for.
@EventLoop
final class APIAccess {
  /// Seconds for which a credential that cannot change is refused before the process ends.
  private static let refusalPatience = 10.0

  private let client: KubernetesClient
  private let clock: any Clock
  private let log: Logger
  private var gate: RequestGate
  private var missingRights = MissingRights()
  private var restTimer: (any Timer)?

  /// What is wrong with the server, in its words or libcurl's; nil while all is well.
  private(set) var trouble: String?
  /// Called when requests may be sent again.
  var onReady: (@EventLoop () -> Void)?
  /// Called when it can never work as it is, with the reason.
  var onHopeless: (@EventLoop (StartupError) -> Void)?

  init(client: KubernetesClient, clock: any Clock, log: Logger) {
    self.client = client
    self.clock = clock
    gate = RequestGate(jitter: clock.jitter())
    self.log = log
    restTimer = clock.timer { [unowned self] in onReady?() }
  }

  var server: String { client.server }

  /// Why the last request failed, where that says that the server cannot be worked with.
  var apiTrouble: String? { client.trouble }

  /// Whether the server asks for rest, or gets it. The timer that ends it may be a moment early.
  var isResting: Bool { gate.wait(clock.now) > 0.005 }

  /// How many requests may be under way at once, of so many usually.
  func mostAtOnce(_ usual: Int) -> Int { gate.mostAtOnce(usual) }

  /// Asks for the server's version, which needs no right.
  func version<Answer: Decodable & Sendable>(as: Answer.Type) async throws -> Answer {
    try await client.send("GET", "/version", as: Answer.self)
  }

  /// Whether another credential may turn up without a restart.
  var credentialCanChange: Bool { client.credentialCanChange }

  /// Sends one request about a pod.
  /// - Parameters:
  ///   - right: the verb and resource that RBAC asks for; the verb gives the HTTP method.
  ///   - path: of the object; for "create", of what contains it.
  /// - Throws: as `KubernetesClient.send`.
  func send<Answer: Decodable & Sendable>(
    _ right: MissingRights.Right, _ path: String, of pod: PodReference,
    body: (any Encodable & Sendable)? = nil, patch: KubernetesClient.PatchType? = nil,
    as: Answer.Type
  ) async throws -> Answer {
    try await watched(right, pod.uid) {
      try await client.send(
        Self.method(right.verb), path, body: body, contentType: Self.contentType(patch),
        as: Answer.self)
    }
  }

  /// The same, where the answer does not matter beyond its success.
  func send(
    _ right: MissingRights.Right, _ path: String, of pod: PodReference,
    body: (any Encodable & Sendable)? = nil, patch: KubernetesClient.PatchType? = nil
  ) async throws {
    try await watched(right, pod.uid) {
      try await client.send(
        Self.method(right.verb), path, body: body, contentType: Self.contentType(patch))
    }
  }

  /// Sends one request about a node.
  func send<Answer: Decodable & Sendable>(
    _ right: MissingRights.Right, of node: NodeReference, body: (any Encodable & Sendable)? = nil,
    patch: KubernetesClient.PatchType? = nil, as: Answer.Type
  ) async throws -> Answer {
    try await watched(right, node.uid) {
      try await client.send(
        Self.method(right.verb), KubernetesPath.of("api", "v1", "nodes", node.name), body: body,
        contentType: Self.contentType(patch), as: Answer.self)
    }
  }

  private func watched<Answer: Sendable>(
    _ right: MissingRights.Right, _ uid: String,
    _ request: @EventLoop () async throws -> Answer
  ) async throws -> Answer {
    let sent = clock.now
    do {
      let answer = try await request()
      answered(sent)
      if missingRights.given(right) {
        log.notice("\(server) lets us \(right.verb) \(right.resource) now")
      }
      return answer
    } catch {
      failed(error, right, uid, sent)
      throw error
    }
  }

  private static func contentType(_ patch: KubernetesClient.PatchType?) -> String {
    patch?.rawValue ?? "application/json"
  }

  private static func method(_ verb: String) -> String {
    switch verb {
    case "create": "POST"
    default: verb.uppercased()
    }
  }

  private func answered(_ sent: Double) {
    guard case .ended(let seconds) = gate.answered(sent: sent, now: clock.now) else { return }
    trouble = nil
    restTimer?.suspend()
    log.notice("\(server) answers again, after \(String(rounded: seconds)) s")
    onReady?()
  }

  private func failed(
    _ error: any Error, _ right: MissingRights.Right, _ uid: String, _ sent: Double
  ) {
    guard let failure = Self.failure(error) else {
      if !(error is CancellationError) { answered(sent) }
      if let error = error as? KubernetesError, error.status == 403,
        missingRights.refused(right, words: error.message)
      {
        log.error(
          "\(server) does not let us \(right.verb) \(right.resource): \(error); the ClusterRole of binder needs \(right) (\(right.file))"
        )
      }
      return
    }
    let now = clock.now
    let change = gate.failed(failure, pod: uid, sent: sent, now: now)
    if gate.troubleSince != nil {
      trouble = "\(error)"
      restTimer?.schedule(after: gate.wait(now))
    }
    if case .began(let failure) = change { announce(failure, error) }
    if failure == .unauthorized, !credentialCanChange, let since = gate.refusedSince,
      now - since >= Self.refusalPatience
    {
      onHopeless?(
        StartupError(
          "\(server) refuses the credential: \(error); it has been refused for \(String(rounded: now - since)) s and cannot change without a restart"
        ))
    }
  }

  private func announce(_ failure: RequestGate.Failure, _ error: any Error) {
    guard failure == .unauthorized else {
      return log.warning("\(server): \(error); all requests rest until it answers")
    }
    let remedy =
      credentialCanChange
      ? "its token file or plugin is asked again"
      : "the process ends if that lasts \(String(rounded: Self.refusalPatience)) s"
    log.warning(
      "\(server) refuses the credential: \(error); nothing is bound, reported or deleted until the kubeconfig's user is known there (\(remedy))"
    )
  }

  /// What an error says about the server; nil when it is about the request's object.
  private static func failure(_ error: any Error) -> RequestGate.Failure? {
    if error is CancellationError { return nil }
    guard let error = error as? KubernetesError else {
      return error is DecodingError ? .failed : .away
    }
    switch error.status {
    case 401: return .unauthorized
    case 429: return .busy(error.retryAfter)
    case 502, 503: return .away
    case 500...: return .failed
    default: return nil
    }
  }
}
