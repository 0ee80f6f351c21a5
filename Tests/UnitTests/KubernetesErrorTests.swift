import FoundationEssentials
import Testing
import Text

@testable import KubernetesClient

@Suite struct KubernetesErrorTests {
  /// What a server asks for, in seconds, and how long is waited.
  @Test(arguments: [
    (0, 0.0), (1, 1.0), (300, 300.0), (301, 300.0), (-1, 0.0), (999_999_999_999_999_999, 300.0),
    (Int.max, 300.0), (Int.min, 0.0),
  ])
  func aWishToWaitIsFollowedWithinReason(_ asked: Int, _ waited: Double) throws {
    let json = Data(#"{"code":429,"details":{"retryAfterSeconds":\#(asked)}}"#.utf8)
    #expect(KubernetesError(status: 429, body: json).retryAfter == waited)
    let status = try JSONDecoder().decode(KubernetesError.Status.self, from: json)
    #expect(KubernetesError(status).retryAfter == waited)
    // The header, as HTTP's client reads it, stands before the body.
    let error = KubernetesError(status: 429, body: Data(), retryAfter: Double(asked))
    #expect(error.retryAfter == waited)
  }

  /// As API servers say it of a webhook that does not answer. (Kubernetes 1.36.)
  @Test(arguments: [
    (
      500,
      #"failed calling webhook \"policy.example.org\": failed to call webhook: Post \"x\": EOF"#,
      true
    ),
    (500, "etcdserver: request timed out", false),
    (403, #"admission webhook \"policy.example.org\" denied the request: no"#, false),
  ])
  func aWebhookThatDoesNotAnswerIsAboutTheObject(
    _ status: Int, _ words: String, _ isOfWebhook: Bool
  ) {
    let json =
      #"{"kind":"Status","code":\#(status),"reason":"x","message":"Internal error occurred: \#(words)"}"#
    let error = KubernetesError(status: status, body: Data(json.utf8))
    #expect(error.isOfWebhook == isOfWebhook)
    #expect(error.message.hasSuffix(words.replacing(#"\""#, with: "\"")))
  }

  /// What an API server says of an object it says by a Status; all else was said on the way there.
  @Test(arguments: [
    (404, #"{"kind":"Status","code":404,"reason":"NotFound"}"#, 404),
    (403, #"{"kind":"Status","code":403}"#, 403), (409, #"{"kind":"Status"}"#, 409),
    (404, "404 page not found\n", 502), (403, "<html></html>", 502), (302, "", 502),
    (409, #"{"error":"conflict"}"#, 502), (422, #"{"kind":"Error","code":422}"#, 502),
    (410, "", 502), (400, "\u{0}", 502),
    // Overload and a missing credential are told by bare text, too.
    (429, "Too many requests, please try again later.\n", 429), (401, "Unauthorized\n", 401),
    (503, "upstream connect error", 503), (500, "", 500),
  ])
  func whatNoAPIServerSaysIsAboutTheWayThere(_ status: Int, _ body: String, _ counts: Int) {
    let error = KubernetesError(status: status, body: Data(body.utf8))
    #expect(error.status == counts)
    #expect(error.description.contains("\(status)"))
  }

  @Test(arguments: [
    (0.0, "0.0"), (0.04, "0.0"), (0.06, "0.1"), (1.25, "1.3"), (59.99, "60.0"), (1e18, "1e+18"),
    (1e300, "1e+300"), (Double.infinity, "inf"), (Double.nan, "nan"),
  ])
  func aTimeIsWrittenWhateverItIs(_ seconds: Double, _ text: String) {
    #expect(String(rounded: seconds) == text)
  }
}
