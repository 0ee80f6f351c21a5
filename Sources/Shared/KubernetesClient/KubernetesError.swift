import FoundationEssentials
import Text

/// An answer of the API server that is not a success, from its Status object.
public struct KubernetesError: Error, CustomStringConvertible, Sendable {
  /// The HTTP status.
  public let status: Int
  /// The machine-readable reason ("Conflict", "NotFound"), where there was one.
  public let reason: String
  public let message: String
  /// Seconds that the server asked to wait, up to ``longestWait``.
  public let retryAfter: Double?

  /// Seconds. API servers ask for one to ten; what is between us and them may ask for years.
  static let longestWait = 300.0

  public var description: String { "\(status) \(reason): \(message)" }

  /// The resourceVersion asked for is no longer kept: list again.
  public var isGone: Bool { status == 410 || reason == "Expired" || reason == "Gone" }

  /// A server that is overloaded, restarting or behind a proxy that cannot reach it: the
  /// same request may work later.
  public var isTransient: Bool { status == 408 || status == 429 || status >= 500 }

  /// A webhook that the cluster's administrator has put before such requests does not answer, so that
  /// the server refuses them. (apiserver, admission/plugin/webhook/errors.)
  public var isOfWebhook: Bool { status == 500 && message.contains("failed calling webhook") }

  /// The credential is missing, wrong or has expired. It was renewed, where it can be, and
  /// refused again: ``KubernetesClient/credentialCanChange`` says whether to wait for another.
  public var isUnauthorized: Bool { status == 401 }

  init(status: Int, body: Data, retryAfter: Double? = nil) {
    let decoded = try? JSONDecoder().decode(Status.self, from: body)
    self.retryAfter = Self.bounded(retryAfter ?? decoded?.details?.seconds)
    let text =
      decoded?.message
      ?? String(decoding: body.prefix(200), as: UTF8.self).trimmingWhitespace()
    if decoded?.kind == "Status" || !Self.isWordOfServer(status) {
      self.status = status
      reason = decoded?.reason ?? ""
      message = text
    } else {
      self.status = Self.badGateway
      reason = Self.notOfServer
      message = "\(status), and no word of an API server\(text.isEmpty ? "" : ": \(text)")"
    }
  }

  /// A success (2xx) that no API server gives: a proxy's page.
  init(page: Data, status: Int) {
    self.status = Self.badGateway
    retryAfter = nil
    reason = Self.notOfServer
    let text = String(decoding: page.prefix(200), as: UTF8.self).trimmingWhitespace()
    message = "\(status), and no object of an API server\(text.isEmpty ? "" : ": \(text)")"
  }

  /// What something between us and the API server says (a redirect, a page to sign in, "not found") is
  /// about the way there, and not about an object: it counts as this status.
  private static let badGateway = 502
  private static let notOfServer = "NotOfAPIServer"

  /// Whether an API server says this of an object, and then always by a Status. Overload and a missing
  /// credential it also tells by bare text.
  private static func isWordOfServer(_ status: Int) -> Bool {
    (300..<500).contains(status) && ![401, 408, 429].contains(status)
  }

  init(_ status: Status) {
    self.status = status.code ?? 0
    reason = status.reason ?? ""
    message = status.message ?? ""
    retryAfter = Self.bounded(status.details?.seconds)
  }

  private static func bounded(_ wait: Double?) -> Double? {
    wait.map { min(max($0, 0), longestWait) }
  }

  /// metav1.Status.
  struct Status: Decodable {
    var kind: String?
    var code: Int?
    var reason: String?
    var message: String?
    var details: Details?
    struct Details: Decodable {
      var retryAfterSeconds: Int?
      var seconds: Double? { retryAfterSeconds.map(Double.init) }
    }
  }
}
