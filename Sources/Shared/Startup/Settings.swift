import FoundationEssentials
import Glibc

/// One process's part of the configuration file: typed values by key. Every key that was
/// not asked for is an error, so that a misspelt one is not ignored.
///
/// The file is YAML: a mapping from process names ("kube-watcher", "pbs-broker", "binder")
/// to mappings of keys. Keys that stand outside of these apply to every process.
public final class Settings {
  /// Where the file is when `--config` does not say.
  public static let defaultPath = "/etc/pbs-connector/config.yaml"

  /// One of the values of a mapping of ``sections(_:)``.
  public enum Section {
    case text(String)
    /// Its keys; its ``finish()`` is the caller's to call.
    case keys(Settings)
  }

  private static let common: Set<String> = ["log-format", "log-level", "metrics-namespaces"]
  private static let processes: Set<String> = ["kube-watcher", "pbs-broker", "binder"]

  private let path: String
  private let program: String
  private var own: [String: YAMLValue] = [:]
  private var shared: [String: YAMLValue] = [:]
  private var asked: Set<String> = []
  /// The file's text; empty where there is none.
  private let text: String

  /// Reads the file.
  /// - Parameters:
  ///   - path: nil for the default path, where a missing file means no settings.
  ///   - program: whose keys these are.
  /// - Throws: ``StartupError``.
  public init(path: String?, program: String) throws {
    self.path = path ?? Self.defaultPath
    self.program = program
    if path == nil, access(Self.defaultPath, F_OK) != 0 {
      text = ""
      return
    }
    text = String(decoding: try readFile(self.path, "configuration"), as: UTF8.self)
    let root: YAMLValue
    do throws(YAMLError) {
      root = try YAMLValue(parsing: text)
    } catch {
      throw StartupError("\(self.path): \(error.description)")
    }
    guard root != .null else { return }
    for (key, value) in try mapping(root, at: nil) {
      if Self.processes.contains(key) {
        let section = value == .null ? [] : try mapping(value, at: key)
        if key == program { for (key, value) in section { own[key] = value } }
      } else if Self.common.contains(key) {
        shared[key] = value
      } else {
        throw StartupError("\(self.path): \(key) is not a known key", line: line(of: key))
      }
    }
  }

  /// The keys below a key.
  private init(_ file: Settings, _ key: String, _ own: [String: YAMLValue]) {
    path = file.path
    text = file.text
    program = key
    self.own = own
  }

  /// Where these keys stand in the file: "pbs-broker", "pbs-broker.namespaces.team-*".
  public var key: String { program }

  /// Ends the reading.
  /// - Throws: ``StartupError`` when a key was in the file but not asked for.
  public func finish() throws {
    for key in own.keys.sorted() where !asked.contains(key) {
      throw StartupError(
        "\(path): \(program).\(key) is not a known key", line: line(of: "\(program).\(key)"))
    }
  }

  /// - Parameter flag: the command line's value, which stands before the file's.
  public func text(_ key: String, flag: String? = nil) throws -> String? {
    guard let value = value(key) else { return flag }
    guard let text = value.text else { throw wrong(key, "a text") }
    return flag ?? text
  }

  /// A list of texts; a single text counts as a list of one.
  /// - Parameter flags: the command line's values, which stand before the file's.
  public func texts(_ key: String, flags: [String] = []) throws -> [String]? {
    let given = flags.isEmpty ? nil : flags
    guard let value = value(key) else { return given }
    if let text = value.text { return given ?? [text] }
    guard let items = value.items else { throw wrong(key, "a text or a list of texts") }
    let texts = try items.map { item in
      guard let text = item.text else { throw wrong(key, "a list of texts") }
      return text
    }
    return given ?? texts
  }

  /// A mapping from texts to texts.
  public func table(_ key: String) throws -> [String: String]? {
    guard let value = value(key) else { return nil }
    var table: [String: String] = [:]
    for (name, value) in try mapping(value, at: "\(program).\(key)") {
      guard let text = value.text else { throw wrong("\(key).\(name)", "a text") }
      table[name] = text
    }
    return table
  }

  /// A mapping whose values are mappings of keys, or texts; one without a value has no keys.
  public func sections(_ key: String) throws -> [(name: String, value: Section)]? {
    guard let value = value(key) else { return nil }
    return try mapping(value, at: "\(program).\(key)").map { name, value in
      let place = "\(key).\(name)"
      switch value {
      case .scalar(let text, _): return (name, .text(text))
      case .null: return (name, .keys(Settings(self, "\(program).\(place)", [:])))
      case .mapping:
        let pairs = try mapping(value, at: "\(program).\(place)")
        let keys = Dictionary(uniqueKeysWithValues: pairs.map { ($0.key, $0.value) })
        return (name, .keys(Settings(self, "\(program).\(place)", keys)))
      case .sequence: throw wrong(place, "a mapping or a text")
      }
    }
  }

  /// Lets these keys be, whether they are there or not.
  public func passOver(_ keys: [String]) {
    asked.formUnion(keys)
  }

  /// All keys that are there.
  public var keys: [String] { own.keys.sorted() }

  /// A number within a range.
  public func number(_ key: String, in range: ClosedRange<Double>) throws -> Double? {
    guard let text = try text(key) else { return nil }
    guard let number = Double(text), range.contains(number) else {
      throw wrong(key, "a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))")
    }
    return number
  }

  /// A whole number within a range.
  public func count(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let text = try text(key) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw wrong(key, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  public func flag(_ key: String) throws -> Bool? {
    switch try text(key) {
    case nil: return nil
    case "true": return true
    case "false": return false
    default: throw wrong(key, "true or false")
    }
  }

  /// One of several words.
  public func word<Word: RawRepresentable & CaseIterable>(
    _ key: String, _: Word.Type
  ) throws -> Word? where Word.RawValue == String {
    guard let text = try text(key) else { return nil }
    guard let word = Word(rawValue: text) else {
      throw wrong(key, Word.allCases.map(\.rawValue).joined(separator: " or "))
    }
    return word
  }

  /// An error about a key's value, in the form of all others.
  public func wrong(_ key: String, _ expected: String) -> StartupError {
    StartupError(
      "\(path): \(program).\(key) must be \(expected)", line: line(of: "\(program).\(key)"))
  }

  /// An error about a key's value, in words of its own.
  public func problem(_ key: String, _ words: String) -> StartupError {
    StartupError("\(path): \(program).\(key): \(words)", line: line(of: "\(program).\(key)"))
  }

  /// Keys of this process that have other values than there.
  public func changes(from other: Settings) -> [String] {
    let before = other.shared.merging(other.own) { $1 }
    let after = shared.merging(own) { $1 }
    return Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }.sorted()
  }

  /// The line of a key, or of the nearest one above it that stands in the file.
  private func line(of key: String) -> Int? {
    let lines = YAMLValue.lines(of: text)
    var key = key[...]
    while !key.isEmpty {
      if let line = lines[String(key)] { return line }
      guard let dot = key.lastIndex(of: ".") else { return nil }
      key = key[..<dot]
    }
    return nil
  }

  private func value(_ key: String) -> YAMLValue? {
    asked.insert(key)
    let value = own[key] ?? shared[key]
    return value == .null ? nil : value
  }

  private func plain(_ number: Double) -> String {
    number == number.rounded() ? "\(Int(number))" : "\(number)"
  }

  private func mapping(
    _ value: YAMLValue, at key: String?
  ) throws -> [(key: String, value: YAMLValue)] {
    guard case .mapping(let pairs) = value else {
      throw StartupError("\(path): \(key ?? "the file") must be a mapping")
    }
    var seen: Set<String> = []
    for (name, _) in pairs where !seen.insert(name).inserted {
      let full = "\(key.map { "\($0)." } ?? "")\(name)"
      throw StartupError("\(path): \(full) stands twice", line: line(of: full))
    }
    return pairs
  }
}
