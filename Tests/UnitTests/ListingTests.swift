import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import KubernetesClient

/// API Concepts, "Retrieving large results sets in chunks"; limits are ours.
@Suite struct ListingTests {
  private typealias Collector = ListCollector<StorageClass>

  private func page(
    _ version: String = "7", next: String? = nil, items: [String] = []
  ) throws -> ListPage<StorageClass> {
    let more = next.map { #", "continue": "\#($0)""# } ?? ""
    let json = """
      {"metadata": {"resourceVersion": "\(version)"\(more)}, "items": [\(items.joined(separator: ","))]}
      """
    return try JSONDecoder().decode(ListPage<StorageClass>.self, from: Data(json.utf8))
  }

  private func storageClass(_ name: String) -> String { #"{"metadata": {"name": "\#(name)"}}"# }

  @Test func aListIsCompleteWithItsLastPage() throws {
    var collector = Collector()
    guard case .next("a") = try collector.add(page(next: "a", items: [storageClass("one")])),
      case .next("b") = try collector.add(page(next: "b")),
      case .complete(let listing, let version) = try collector.add(
        page(next: "", items: [storageClass("two")]))
    else {
      Issue.record("the pages do not follow each other")
      return
    }
    #expect(listing.objects.map(\.name) == ["one", "two"])
    #expect(version == ResourceVersion("7"))
  }

  @Test func pagesOfSeveralVersionsAreNoList() throws {
    var collector = Collector()
    _ = try collector.add(page("7", next: "a"))
    #expect(throws: ListError.versionChanged(from: "7", to: "6")) {
      try collector.add(page("6"))
    }
  }

  @Test func aListWithoutAVersionIsNone() throws {
    var collector = Collector()
    #expect(throws: ListError.noVersion) { try collector.add(page("")) }
  }

  @Test func aListWithoutEndIsGivenUp() throws {
    var same = Collector()
    _ = try same.add(page(next: "a"))
    #expect(throws: ListError.samePageAgain) { try same.add(page(next: "a")) }
    var pages = Collector()
    #expect(throws: ListError.tooManyPages(Collector().mostPages)) {
      for number in 0...Collector().mostPages { _ = try pages.add(page(next: "\(number)")) }
    }
    var objects = Collector()
    let full = try page(next: "a", items: Array(repeating: storageClass("one"), count: 20_000))
    #expect(throws: ListError.tooManyObjects(Collector.mostObjects)) {
      for number in 0...10 {
        var next = full
        next.metadata.continue = "\(number)"
        _ = try objects.add(next)
      }
    }
  }

  @Test func anObjectThatCannotBeReadHidesNoOther() throws {
    var collector = Collector()
    let odd = #"{"metadata": {"name": "odd", "uid": "u"}, "volumeBindingMode": 5}"#
    guard
      case .complete(let listing, _) = try collector.add(
        page(items: [storageClass("one"), odd, storageClass("two")]))
    else {
      Issue.record("one page is not the list")
      return
    }
    #expect(listing.objects.map(\.name) == ["one", "two"])
    #expect(listing.unreadable.map(\.name) == ["odd"])
    #expect(listing.unreadable.first?.uid == "u")
    #expect(listing.unreadable.first?.reason.isEmpty == false)
  }

  /// Whose name cannot be told cannot be spared either, so the page does not count.
  @Test func anObjectWithoutANameSpoilsItsPage() throws {
    #expect(throws: DecodingError.self) { try page(items: [#"{"metadata": 1}"#]) }
  }

  @Test(arguments: [
    ("6", "7", true), ("7", "7", false), ("10", "9", false), ("9", "10", true),
    ("99999999999999999999", "1", false), ("a", "7", false), ("7", "", false),
  ])
  func onlyDecimalVersionsAreCompared(_ a: String, _ b: String, _ isBefore: Bool) {
    #expect(ResourceVersion(a).isBefore(ResourceVersion(b)) == isBefore)
  }
}
