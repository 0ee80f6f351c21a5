import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import binder

/// How long a pod may take to end.
@Suite struct GraceTests {
  private static func pod(own: Int?, given: Int? = nil, ends: String? = nil) -> Pod {
    var pod = Pod(
      metadata: ObjectMeta(name: "a", namespace: "default", uid: "u"), spec: PodSpec(containers: [])
    )
    pod.spec.terminationGracePeriodSeconds = own
    pod.metadata.deletionGracePeriodSeconds = given
    pod.metadata.deletionTimestamp = ends
    return pod
  }

  @Test(
    arguments: [
      (nil, 3600, nil), (0, 3600, nil), (30, 3600, nil), (3600, 3600, nil), (3601, 3600, 3600),
      (315_360_000, 3600, 3600), (nil, 10, 10), (.max, 1, 1),
    ] as [(Int?, Int, Int?)])
  func aLongGracePeriodIsCut(_ own: Int?, _ longest: Int, _ limit: Int?) {
    #expect(Grace.limit(of: Self.pod(own: own), longest: longest) == limit)
  }

  /// Now is 2026-01-01T00:00:00Z.
  @Test(
    arguments: [
      (nil, nil, false), (30, "2026-01-01T00:00:20Z", false),
      (315_360_000, "2035-12-30T00:00:00Z", true), (7200, "2026-01-01T02:00:00Z", true),
      (7200, "2025-12-31T23:59:59Z", false), (3600, "2026-01-01T01:00:00Z", false),
      (7200, "292278994-08-17T07:12:55Z", true),
    ] as [(Int?, String?, Bool)])
  func aPodThatIsDeletedForTooLongIsDeletedAgain(_ given: Int?, _ ends: String?, _ again: Bool)
    throws
  {
    let now = try #require(Timestamp.parse("2026-01-01T00:00:00Z"))
    let pod = Self.pod(own: given, given: given, ends: ends)
    #expect(Grace.isExceeded(by: pod, longest: 3600, now: now) == again)
  }
}
