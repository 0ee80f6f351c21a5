import Testing

@testable import pbs_broker

/// The tables of Tests/translation/shapes.yaml, what becomes of pods as widely used programs make them,
/// and further.yaml, of shapes that kubelet and scheduler know as well.
@Suite struct ShapeTests {
  typealias Case = TranslationTableTests.Case

  static let cases: [Case] = {
    do {
      return try ["shapes", "further"].flatMap {
        try TestFiles.documents("translation/\($0).yaml").flatMap { $0.items ?? [] }
      }.map { Case(name: $0["name"]?.text ?? "", row: $0) }
    } catch {
      Issue.record("Tests/translation cannot be read: \(error)")
      return []
    }
  }()

  @Test func theTableIsThere() {
    #expect(Self.cases.count >= 95)
    #expect(Set(Self.cases.map(\.name)).count == Self.cases.count, "two cases of one name")
  }

  @Test(arguments: cases)
  func becomes(_ item: Case) throws {
    try TranslationTableTests().becomes(item)
  }
}
