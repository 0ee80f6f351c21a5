import FoundationEssentials
import KubernetesClient
import Logging
import Messages
import Runtime
import Text

/// Which cluster the API server is of: the UID of the namespace kube-system, or the name that the
/// configuration gives. The UID tells whether it is still the same one in either case.
@EventLoop
final class ClusterIdentity {
  private let client: KubernetesClient
  private let configured: String?
  private let clock: any Clock
  private let log: Logger
  private var uid: String?
  private var isComplaining = false
  private var look: Task<Void, any Error>?

  /// Called when the server is of another cluster than before: what was told of the former one
  /// does not count any more.
  var onChanged: (@EventLoop () -> Void)?

  init(client: KubernetesClient, configured: String?, clock: any Clock, log: Logger) {
    self.client = client
    self.configured = configured
    self.clock = clock
    self.log = log
  }

  /// The cluster's name for jobs and messages; nil until it is known.
  var id: String? { configured ?? uid }

  /// Waits until the identity is known, or the task is cancelled.
  /// - Parameter judge: gets each failure.
  func find(judge: @EventLoop (any Error) -> Void) async {
    var backoff = Backoff(first: 0.5, longest: 30, jitter: clock.jitter())
    while id == nil, !Task.isCancelled {
      do {
        try await confirm()
      } catch {
        judge(error)
        let delay = backoff.delay()
        complain(error, delay)
        // A cancelled task ends the loop.
        try? await clock.sleep(seconds: delay)
      }
    }
    if isComplaining, let id { log.notice("\(client.server) answers: the cluster is \(id)") }
    isComplaining = false
  }

  /// What only an administrator can mend is said once, as an error; the rest as of any request.
  private func complain(_ error: any Error, _ delay: Double) {
    if let error = error as? KubernetesError, error.status == 403 {
      if !isComplaining { log.error("\(missingRight(error)); trying again until it works") }
    } else {
      let wait = String(rounded: delay)
      log.warning(
        "\(client.server): which cluster it is of is not known: \(error); trying again in \(wait) s"
      )
    }
    isComplaining = true
  }

  /// Asks the server whose it is.
  /// - Throws: what keeps it from telling, and ``ClusterChanged``.
  func confirm() async throws {
    // Several lists that end together need one answer.
    if let look { return try await look.value }
    let look = Task { @EventLoop in try await ask() }
    self.look = look
    defer { self.look = nil }
    try await look.value
  }

  private func ask() async throws {
    let found: String
    do {
      found = try await client.send(
        "GET", "/api/v1/namespaces/kube-system", timeout: 10, as: Namespace.self
      ).metadata.uid
    } catch let error as KubernetesError where id != nil && [403, 404].contains(error.status) {
      // Known without it; what cannot be looked at cannot be seen to change.
      if !isComplaining {
        log.warning(
          "\(missingRight(error)); another cluster at the same address would not be noticed")
      }
      isComplaining = true
      return
    }
    guard Cluster.isID(found) else { throw UnlikelyUID() }
    guard let before = uid else {
      uid = found
      return
    }
    guard found != before else { return }
    uid = found
    log.error(
      """
      \(client.server) is of another cluster now: kube-system has the UID \(found), not \(before); \
      all is forgotten and listed again
      """)
    onChanged?()
    throw ClusterChanged()
  }

  private func missingRight(_ error: KubernetesError) -> String {
    """
    \(client.server): the cluster's identity is not known: \(error): give kube-watcher the right \
    get on the namespace kube-system (deploy/rbac.yaml), or set the key kube-watcher.cluster
    """
  }

  private struct Namespace: Decodable {
    struct Metadata: Decodable { var uid: String }
    var metadata: Metadata
  }
}

/// A server that gives kube-system a UID that no API server makes.
private struct UnlikelyUID: Error, CustomStringConvertible {
  var description: String { "the UID of kube-system is not one" }
}

/// The server is of another cluster than before.
struct ClusterChanged: Error, CustomStringConvertible {
  var description: String { "the server is of another cluster now" }
}
