import CPBS
import Glibc
import Text

/// libpbs in this process, the helper, with its one connection to PBS. All of it blocks.
final class PBSLibrary {
  /// Errors after which a connection is of no more use (pbs_error.h): PBSE_PROTOCOL, which is also
  /// its end; PBSE_DISPROTO; and a credential that the server no longer takes.
  private static let broken: Set<Int> = [15031, 15056, 15019, 15020]

  private var connection: Int32?
  private let printed: PrintedWords

  /// - Throws: ``LibraryFailure`` of kind `library`.
  init(path: String, printed: PrintedWords) throws(LibraryFailure) {
    self.printed = printed
    var words = [CChar](repeating: 0, count: 1000)
    guard pbs_library_open(path, &words, words.count) == 0 else {
      throw LibraryFailure(kind: .library, code: 0, words: Self.text(words))
    }
  }

  func submit(
    _ attributes: [JobAttribute], queue: String?
  ) throws(LibraryFailure) -> String {
    let connection = try connected()
    var list = AttributeList(attributes, operation: pbs_set)
    defer { list.free() }
    guard let id = pbs_library_submit(connection, list.first, queue) else {
      throw failure(connection)
    }
    defer { free(id) }
    return String(cString: id)
  }

  func delete(_ id: String, force: Bool) throws(LibraryFailure) {
    let connection = try connected()
    let code = pbs_library_delete(connection, id, force ? "force" : nil)
    if code != 0 { throw failure(connection, code: Int(code)) }
  }

  func change(_ id: String, _ change: JobChange) throws(LibraryFailure) {
    let connection = try connected()
    let code: Int32
    switch change {
    case .alter(let attributes):
      var list = AttributeList(attributes, operation: pbs_set)
      defer { list.free() }
      code = pbs_library_alter(connection, id, list.first)
    case .move(let queue): code = pbs_library_move(connection, id, queue)
    case .hold: code = pbs_library_hold(connection, id, "u")
    case .release: code = pbs_library_release(connection, id, "u")
    case .deleteMoved: code = pbs_library_delete(connection, id, "deletehist")
    }
    if code != 0 { throw failure(connection, code: Int(code)) }
  }

  /// Sets attributes of all vnodes of a host.
  func set(
    host: String, _ items: [(JobAttribute, pbs_operator)]
  ) throws(LibraryFailure) {
    let connection = try connected()
    var list = AttributeList(items)
    defer { list.free() }
    let code = pbs_library_set_host(connection, host, list.first)
    if code != 0 { throw failure(connection, code: Int(code)) }
  }

  /// Sets attributes of one vnode.
  func set(vnode: String, _ items: [JobAttribute]) throws(LibraryFailure) {
    let connection = try connected()
    var list = AttributeList(items, operation: pbs_set)
    defer { list.free() }
    let code = pbs_library_set_vnode(connection, vnode, list.first)
    if code != 0 { throw failure(connection, code: Int(code)) }
  }

  /// Jobs that meet all criteria.
  func select(
    _ criteria: [(JobAttribute, pbs_operator)], wanted: [String], withEnded: Bool
  ) throws(LibraryFailure) -> PBSObjects {
    let connection = try connected()
    var criteria = AttributeList(criteria)
    var wanted = AttributeList(names: wanted)
    defer {
      criteria.free()
      wanted.free()
    }
    return try objects(
      pbs_library_select(connection, criteria.first, wanted.first, withEnded ? "x" : nil),
      connection)
  }

  func jobs(
    _ ids: [String], wanted: [String], withEnded: Bool
  ) throws(LibraryFailure) -> PBSObjects {
    let connection = try connected()
    var wanted = AttributeList(names: wanted)
    defer { wanted.free() }
    return try objects(
      pbs_library_jobs(
        connection, ids.joined(separator: ","), wanted.first, withEnded ? "x" : nil), connection)
  }

  func server(wanted: [String]) throws(LibraryFailure) -> PBSObjects {
    let connection = try connected()
    var wanted = AttributeList(names: wanted)
    defer { wanted.free() }
    return try objects(pbs_library_server(connection, wanted.first), connection)
  }

  func queues(wanted: [String]) throws(LibraryFailure) -> PBSObjects {
    let connection = try connected()
    var wanted = AttributeList(names: wanted)
    defer { wanted.free() }
    return try objects(pbs_library_queues(connection, wanted.first), connection)
  }

  func vnodes(wanted: [String]) throws(LibraryFailure) -> PBSObjects {
    let connection = try connected()
    var wanted = AttributeList(names: wanted)
    defer { wanted.free() }
    return try objects(pbs_library_vnodes(connection, wanted.first), connection)
  }

  private func objects(
    _ first: UnsafeMutablePointer<pbs_object>?, _ connection: Int32
  ) throws(LibraryFailure) -> PBSObjects {
    // An answer that broke off is no answer, whatever has come of it.
    if pbs_library_error() != 0 {
      pbs_library_free(first)
      throw failure(connection)
    }
    return PBSObjects(first: first)
  }

  private func connected() throws(LibraryFailure) -> Int32 {
    if let connection { return connection }
    _ = printed.take()
    var systemError: Int32 = 0
    let connection = pbs_library_connect(&systemError)
    guard connection >= 0 else {
      let code = Int(pbs_library_error())
      let reasons = [
        systemError != 0 ? String(cString: strerror(systemError)) : "", printed.take(),
      ]
      let words = reasons.filter { !$0.isEmpty }.joined(separator: "; ")
      throw LibraryFailure(
        kind: .connect, code: code,
        words: "cannot connect to PBS: \(words.isEmpty ? PBSAnswer.words(of: code) : words)")
    }
    self.connection = connection
    return connection
  }

  private func failure(_ connection: Int32, code: Int? = nil) -> LibraryFailure {
    let code = code ?? Int(pbs_library_error())
    let said = pbs_library_words(connection).map { String(cString: $0).trimmingWhitespace() }
    let words = [said ?? "", printed.take()].filter { !$0.isEmpty }.joined(separator: "; ")
    // An error without a number: the library has failed before it asked.
    let isBroken = Self.broken.contains(code) || code == 0
    return LibraryFailure(
      kind: isBroken ? .broken : .answered, code: code,
      words: words.isEmpty ? PBSAnswer.words(of: code) : words)
  }

  private static func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// A list of attributes in memory from malloc, as libpbs wants it.
struct AttributeList {
  private(set) var first: UnsafeMutablePointer<pbs_attribute>?

  /// In the order given.
  init(_ items: [(JobAttribute, pbs_operator)]) {
    for (item, operation) in items.reversed() {
      first = pbs_list_add(
        first, item.name, item.resource, item.value, Int32(operation.rawValue))
    }
  }

  init(_ items: [JobAttribute], operation: pbs_operator) {
    self.init(items.map { ($0, operation) })
  }

  /// Attributes that are asked for.
  init(names: [String]) {
    self.init(names.map { JobAttribute($0, "") }, operation: pbs_set)
  }

  mutating func free() {
    pbs_list_free(first)
    first = nil
  }
}
