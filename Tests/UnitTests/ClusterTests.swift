import Testing

@testable import Messages

@Suite struct ClusterTests {
  @Test(arguments: [
    ("72c4cbe5-5a68-4447-b7eb-527d20cb18aa", true), ("science-1", true), ("A_b.9", true),
    (String(repeating: "a", count: 63), true), (String(repeating: "a", count: 64), false),
    ("", false), ("a,b", false), ("a b", false), ("a=b", false), ("é", false), ("a\nb", false),
    ("a|b", false),
  ])
  func anIDIsWhatCanStandInAJob(_ text: String, _ isID: Bool) {
    #expect(Cluster.isID(text) == isID)
  }
}
