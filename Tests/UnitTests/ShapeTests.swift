import Testing

@testable import pbs_broker

/// The table of Tests/translation/shapes.yaml: what becomes of pods as widely used programs make them.
@Suite struct ShapeTests {
  typealias Case = TranslationTableTests.Case

  static let cases: [Case] = {
    do {
      return try TestFiles.documents("translation/shapes.yaml").flatMap { $0.items ?? [] }
        .map { Case(name: $0["name"]?.text ?? "", row: $0) }
    } catch {
      Issue.record("Tests/translation/shapes.yaml cannot be read: \(error)")
      return []
    }
  }()

  @Test func theTableIsThere() {
    #expect(Self.cases.count >= 30)
    #expect(Set(Self.cases.map(\.name)).count == Self.cases.count, "two cases of one name")
  }

  @Test(arguments: cases)
  func becomes(_ item: Case) throws {
    try TranslationTableTests().becomes(item)
  }
}
