import Testing

@testable import Kubernetes
@testable import Startup
@testable import pbs_broker

/// Which pods use a volume claim.
@Suite struct ClaimUsersTests {
  private static func pod(_ name: String, claims: [String]) throws -> Pod {
    let volumes = claims.map {
      "{name: v-\($0), persistentVolumeClaim: {claimName: \($0)}}"
    }
    return try Pod(
      spec: YAMLValue(
        parsing: "{containers: [{name: a}], volumes: [\(volumes.joined(separator: ", "))]}"),
      metadata: YAMLValue(parsing: "{name: \(name), uid: uid-\(name)}"))
  }

  @Test func onlyOtherPodsCount() throws {
    var users = ClaimUsers()
    users.set(try Self.pod("b", claims: ["data", "logs"]), uses: true)
    users.set(try Self.pod("a", claims: ["data", "data"]), uses: true)
    #expect(
      users.others(than: nil, of: "default/data").map(\.fullName) == ["default/a", "default/b"])
    #expect(users.others(than: "uid-a", of: "default/data").map(\.name) == ["b"])
    #expect(users.others(than: "uid-a", of: "other/data").isEmpty)
    #expect(users.others(than: "uid-b", of: "default/logs").isEmpty)
  }

  @Test func whatIsNoLongerUsedIsForgotten() throws {
    var users = ClaimUsers()
    let pod = try Self.pod("a", claims: ["data"])
    #expect(users.set(pod, uses: true).isEmpty && users.set(pod, uses: true).isEmpty)
    #expect(users.set(pod, uses: false) == ["default/data"])
    #expect(users.set(pod, uses: false).isEmpty)
    #expect(users == ClaimUsers())
    users.set(pod, uses: true)
    users.remove("uid-a")
    users.remove("uid-a")
    #expect(users == ClaimUsers())
  }

  @Test func thoseWithoutClaimsTakeNoRoom() throws {
    var users = ClaimUsers()
    users.set(try Self.pod("a", claims: []), uses: true)
    #expect(users == ClaimUsers())
  }
}
