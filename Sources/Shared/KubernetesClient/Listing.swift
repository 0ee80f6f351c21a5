/// All objects of a list, from its first page to its last.
public struct Listing<Object: Decodable & Sendable>: Sendable {
  public internal(set) var objects: [Object] = []
  /// Those that exist, but cannot be read.
  public internal(set) var unreadable: [UnreadableObject] = []
}

/// One page of a list (metav1.ListMeta and its items).
struct ListPage<Object: Decodable & Sendable>: Decodable, Sendable {
  var metadata: ListMetadata
  var items: [Readable<Object>]?
}

struct ListMetadata: Decodable, Sendable {
  var resourceVersion: String
  var `continue`: String?
}

/// Only what a list says of itself.
struct ListHead: Decodable, Sendable {
  var metadata: ListMetadata
}

/// Puts the pages of one list together. The list, and its version, are there only with the last
/// page: whoever gives up before has nothing.
struct ListCollector<Object: Decodable & Sendable> {
  /// Objects asked for in one page.
  static var pageSize: Int { 500 }
  /// The most objects in a list: a cluster has at most 150,000 pods (Kubernetes,
  /// "Considerations for large clusters").
  static var mostObjects: Int { 200_000 }
  /// The most pages: twice as many as that takes.
  let mostPages: Int

  init(pageSize: Int = Self.pageSize) {
    mostPages = 2 * Self.mostObjects / max(pageSize, 1)
  }

  private var listing = Listing<Object>()
  private var version: String?
  private var pages = 0
  private var token = ""

  /// Where the list stands after a page.
  enum Progress {
    /// The next page has this `continue`.
    case next(String)
    case complete(Listing<Object>, ResourceVersion)
  }

  /// Takes the next page.
  /// - Throws: ``ListError``, after which the list has to begin anew.
  mutating func add(_ page: ListPage<Object>) throws(ListError) -> Progress {
    let found = page.metadata.resourceVersion
    guard !found.isEmpty else { throw .noVersion }
    if let version, version != found { throw .versionChanged(from: version, to: found) }
    version = found
    pages += 1
    let items = page.items ?? []
    guard listing.objects.count + listing.unreadable.count + items.count <= Self.mostObjects else {
      throw .tooManyObjects(Self.mostObjects)
    }
    for item in items {
      switch item {
      case .object(let object): listing.objects.append(object)
      case .unreadable(let object): listing.unreadable.append(object)
      }
    }
    guard let next = page.metadata.continue, !next.isEmpty else {
      return .complete(listing, ResourceVersion(found))
    }
    guard next != token else { throw .samePageAgain }
    guard pages < mostPages else { throw .tooManyPages(mostPages) }
    token = next
    return .next(next)
  }
}

/// Why pages are not a list.
enum ListError: Error, Equatable, CustomStringConvertible {
  case noVersion
  case versionChanged(from: String, to: String)
  case samePageAgain
  case tooManyObjects(Int)
  case tooManyPages(Int)

  var description: String {
    switch self {
    case .noVersion: "the list has no resourceVersion"
    case .versionChanged(let from, let to):
      "the list's pages are of different resourceVersions, \(from) and \(to)"
    case .samePageAgain: "the list goes on with the same page again"
    case .tooManyObjects(let limit): "the list is over the limit of \(limit) objects"
    case .tooManyPages(let limit): "the list is over the limit of \(limit) pages"
    }
  }
}
