import Testing

@testable import binder

/// 403 is said once for each right, and only when it is about a right.
@Suite struct MissingRightsTests {
  private static let rbac =
    #"pods "a" is forbidden: User "binder" cannot patch resource "pods/status" in API group "" in the namespace "default""#

  @Test(arguments: [
    (rbac, true),
    ("pods \"a\" is forbidden: ValidatingAdmissionPolicy 'binder' denied request: no", false),
    ("unable to create new content in namespace a because it is being terminated", false),
    ("", false),
  ])
  func onlyRBACSaysThatARightIsMissing(_ words: String, _ isOne: Bool) {
    var rights = MissingRights()
    expect(rights.refused(.patchStatus, words: words), is: isOne)
  }

  @Test func eachIsSaidOnceUntilItIsGiven() {
    var rights = MissingRights()
    expect(rights.refused(.patchStatus, words: Self.rbac), is: true)
    expect(rights.refused(.patchStatus, words: Self.rbac), is: false)
    expect(rights.given(.getPods), is: false)
    expect(rights.given(.patchStatus), is: true)
    expect(rights.given(.patchStatus), is: false)
    expect(rights.refused(.patchStatus, words: Self.rbac), is: true)
  }

  @Test func theRuleIsAsInAClusterRole() {
    #expect(
      "\(MissingRights.Right.patchStatus)"
        == "{apiGroups: [\"\"], resources: [pods/status], verbs: [patch]}")
  }
}
