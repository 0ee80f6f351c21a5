import Testing

@testable import Kubernetes
@testable import KubernetesClient
@testable import Messages

/// What is a name by Kubernetes' rules, and how it gets into a URL.
@Suite struct KubernetesNameTests {
  @Test(arguments: [
    ("default", true), ("kube-system", true), ("a", true), ("0", true), ("1-a", true),
    (String(repeating: "a", count: 63), true), (String(repeating: "a", count: 64), false),
    ("", false), ("Default", false), ("a.b", false), ("-a", false), ("a-", false), ("a_b", false),
    ("a/b", false), ("..", false), ("a b", false), ("a\n", false), ("é", false), ("a?x=", false),
    ("d,LD_PRELOAD=/home/user/evil.so", false), ("a\u{0}", false),
  ])
  func aNamespaceIsALabel(_ text: String, _ isOne: Bool) {
    #expect(KubernetesName.isLabel(text) == isOne)
  }

  @Test(arguments: [
    ("redis", true), ("redis-7d4b9.web-0", true), ("node1.example.org", true), ("10.0.0.1", true),
    (String(repeating: "a", count: 253), true), (String(repeating: "a", count: 254), false),
    ("", false), (".", false), ("..", false), ("a..b", false), (".a", false), ("a.", false),
    ("a.-b", false), ("a-.b", false), ("Redis", false), ("a/../b", false), ("a%2fb", false),
    ("a?x=", false), ("a#b", false), ("a b", false), ("a\r\nb", false), ("\u{202E}a", false),
  ])
  func aPodOrNodeIsASubdomain(_ text: String, _ isOne: Bool) {
    #expect(KubernetesName.isSubdomain(text) == isOne)
  }

  @Test(arguments: [
    ("84266707-ee4e-4d3f-aa0c-b6ee786ffbf5", true), ("0123456789abcdef0123456789abcdef", true),
    ("uid-1", true), ("A.b", true), (String(repeating: "a", count: 64), true),
    (String(repeating: "a", count: 65), false), ("", false), ("-", false), ("..", false),
    ("a/b", false), ("a,b", false), ("a b", false), ("a\n", false), ("ä", false),
  ])
  func aUIDIsOfFewCharacters(_ text: String, _ isOne: Bool) {
    #expect(KubernetesName.isUID(text) == isOne)
  }

  @Test(arguments: [
    ("redis", "/api/v1/namespaces/default/pods/redis"),
    ("../../secrets/x", "/api/v1/namespaces/default/pods/..%2F..%2Fsecrets%2Fx"),
    ("a?dryRun=All", "/api/v1/namespaces/default/pods/a%3FdryRun%3DAll"),
    ("a#b", "/api/v1/namespaces/default/pods/a%23b"),
    ("é", "/api/v1/namespaces/default/pods/%C3%A9"),
    ("a%2fb", "/api/v1/namespaces/default/pods/a%252fb"),
    ("..", "/api/v1/namespaces/default/pods/%252E%252E"),
    ("\r\nX: y", "/api/v1/namespaces/default/pods/%0D%0AX%3A%20y"),
  ])
  func noSegmentLeavesItsPlace(_ name: String, _ path: String) {
    let pod = PodReference(uid: "u", namespace: "default", name: name)
    #expect(KubernetesPath.pod(pod) == path)
    #expect(KubernetesPath.pod(pod, "binding") == path + "/binding")
  }
}
