import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import KubernetesClient

@Suite struct WatchFailureTests {
  private static func refusal(_ status: Int, _ reason: String, _ message: String) throws
    -> any Error
  {
    let json = """
      {"kind": "Status", "code": \(status), "reason": "\(reason)", "message": "\(message)"}
      """
    return KubernetesError(status: status, body: Data(json.utf8))
  }

  /// What a server says of a version that it does not have (kube-recordings watch-gone.txt;
  /// apiserver storage/errors.go, NewTooLargeResourceVersionError), and what is no such thing.
  @Test(arguments: [
    (410, "Expired", "too old resource version: 1 (7)", true),
    (410, "Gone", "", true),
    (504, "Timeout", "Timeout: Too large resource version: 500, current: 400", true),
    (504, "Timeout", "the request timed out", false),
    (500, "InternalError", "etcdserver: request timed out", false),
    (403, "Forbidden", "pods is forbidden", false),
  ])
  func whatTheServerSaysOfVersions(
    _ status: Int, _ reason: String, _ message: String, _ again: Bool
  ) throws {
    #expect(try Self.refusal(status, reason, message).meansToListAgain == again)
  }

  @Test func whatWeFindOurselves() {
    let old = ResourceVersion("5")
    #expect(WatchFailure.wentBack(from: old, to: ResourceVersion("4")).meansToListAgain)
    #expect(WatchFailure.unreadableGone("default/a").meansToListAgain)
    #expect(LineTooLong(limit: 8).meansToListAgain)
    #expect(!WatchFailure.tooShort.meansToListAgain)
    #expect(!CancellationError().meansToListAgain)
  }

  /// Whatever an object has become, the watch goes on behind it.
  @Test func anEventOfAnUnreadableObjectHasItsNameAndVersion() throws {
    let line = """
      {"type": "DELETED", "object": {"metadata": {"name": "a", "namespace": "default", "uid": "u",
       "resourceVersion": "9"}, "spec": 5}}
      """
    let event = try JSONDecoder().decode(WatchEvent<Pod>.self, from: Data(line.utf8))
    guard case .unreadable(let object, let version, isGone: true) = event else {
      Issue.record("it was read as \(event)")
      return
    }
    #expect(object.fullName == "default/a" && object.uid == "u")
    #expect(version == ResourceVersion("9"))
  }
}
