import FoundationEssentials

@testable import Kubernetes
@testable import Startup

/// Files of this repository below Tests.
enum TestFiles {
  /// Tests/UnitTests/Support/YAMLPods.swift
  static let folder = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()

  static func text(_ path: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: "\(folder)/\(path)") else {
      throw MissingFile(path: path)
    }
    return String(decoding: data, as: UTF8.self)
  }

  /// The documents of a YAML file.
  static func documents(_ path: String) throws -> [YAMLValue] {
    var documents: [[Substring]] = [[]]
    for line in try text(path).split(separator: "\n", omittingEmptySubsequences: false) {
      if line == "---" { documents.append([]) } else { documents[documents.count - 1].append(line) }
    }
    return try documents.map { try YAMLValue(parsing: $0.joined(separator: "\n")) }
      .filter { $0 != .null }
  }

  struct MissingFile: Error {
    let path: String
  }
}

extension YAMLValue {
  /// The members that are numbers in the API, of those that are read.
  private static let numbers: Set<String> = [
    "activeDeadlineSeconds", "terminationGracePeriodSeconds", "hostPort", "containerPort",
  ]

  /// As an API server would write it.
  func json(key: String = "") -> String {
    switch self {
    case .null: "null"
    case .scalar(let text, _): Self.numbers.contains(key) ? text : Self.quoted(text)
    case .sequence(let items): "[" + items.map { $0.json() }.joined(separator: ",") + "]"
    case .mapping(let pairs):
      "{"
        + pairs.map { "\(Self.quoted($0.key)):\($0.value.json(key: $0.key))" }
        .joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    let data = try? JSONEncoder().encode(text)
    return String(decoding: data ?? Data(), as: UTF8.self)
  }

  /// With a member set.
  func setting(_ key: String, _ value: YAMLValue) -> YAMLValue {
    guard case .mapping(let pairs) = self else { return self }
    return .mapping(pairs.filter { $0.key != key } + [(key, value)])
  }
}

extension Pod {
  /// A pod with this spec and metadata, as an API server would send it.
  init(spec: YAMLValue, metadata: YAMLValue) throws {
    var metadata = metadata
    for (key, value) in [("name", "redis"), ("namespace", "default"), ("uid", "uid-1")]
    where metadata[key] == nil {
      metadata = metadata.setting(key, .scalar(value))
    }
    let json = #"{"metadata": \#(metadata.json()), "spec": \#(spec.json()), "status": {}}"#
    self = try JSONDecoder().decode(Pod.self, from: Data(json.utf8))
  }
}
