import FoundationEssentials
import Glibc
import Testing

@testable import Kubernetes
@testable import Startup
@testable import pbs_broker

/// The table of Tests/translation/options.yaml: what becomes of a pod's annotations under a policy.
@Suite struct OptionsTableTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var number: Int
    var policy: YAMLValue
    var row: YAMLValue
    var testDescription: String { "\(number) \(row["name"]?.text ?? "")" }
  }

  static let cases: [Case] = {
    // Times in the table are in UTC.
    setenv("TZ", "UTC", 1)
    tzset()
    do {
      return try TestFiles.documents("translation/options.yaml").enumerated().flatMap {
        number, document in
        (document["cases"]?.items ?? []).map {
          Case(number: number, policy: document["policy"] ?? .null, row: $0)
        }
      }
    } catch {
      Issue.record("Tests/translation/options.yaml cannot be read: \(error)")
      return []
    }
  }()

  @Test func theTableIsThere() {
    #expect(Self.cases.count >= 150)
    #expect(
      Set(Self.cases.map(\.testDescription)).count == Self.cases.count, "two cases of one name")
  }

  @Test(arguments: cases)
  func becomes(_ item: Case) throws {
    let row = item.row
    var spec = row["spec"] ?? .mapping([])
    if spec["containers"] == nil {
      let container = try YAMLValue(
        parsing: #"[{name: a, resources: {requests: {cpu: "1", memory: 640Mi}}}]"#)
      spec = spec.setting("containers", container)
    }
    var metadata = YAMLValue.mapping([])
    if let namespace = row["namespace"] { metadata = metadata.setting("namespace", namespace) }
    if case .mapping(let pairs) = row["annotations"] {
      let annotations = pairs.map { (key: "pbs-connector/\($0.key)", value: $0.value) }
      metadata = metadata.setting("annotations", .mapping(annotations))
    }
    let pod = try Pod(spec: spec, metadata: metadata)
    var context = TranslationContext(
      policy: try TranslationPolicy(Settings(section: item.policy)))
    context.server = row["server"]?.text ?? "pbsserver"
    if case .mapping(let pairs) = row["pods"] {
      context.namedPods = Dictionary(
        uniqueKeysWithValues: pairs.map { ($0.key, Self.fate($0.value.text ?? "")) })
    }
    switch PodTranslation.outcome(for: pod, in: context).job {
    case .success(let job):
      #expect(job.select == row["select"]?.text ?? "1:ncpus=1:mem=640mb")
      #expect(job.name == row["job"]?.text ?? "redis")
      #expect(row["qsub"] != nil || row["select"] != nil, "the table expects no job")
      #expect(try Self.options(of: job) == row["qsub"]?.text ?? "")
    case .failure(let refusal):
      #expect(refusal.description == row[refusal.kind == .waits ? "waits" : "refused"]?.text)
    }
  }

  private static func fate(_ text: String) -> PodFate {
    switch text {
    case "withoutJob": .withoutJob
    case "succeeded": .succeeded
    case "failed": .failed
    default: .job(text)
    }
  }

  /// What qsub is told besides name, select and variables.
  private static func options(of job: JobDescription) throws -> String {
    let words = try QsubArguments.arguments(for: job, placeholder: ["/bin/true"])
    let start = try #require(words.firstIndex(of: "select=\(job.select)")) + 1
    let end = try #require(words.firstIndex(of: "-v"))
    return words[start..<end].joined(separator: " ")
  }
}

extension Settings {
  /// The part of pbs-broker alone, without a file.
  fileprivate convenience init(section: YAMLValue) throws {
    let folder = try TemporaryFolder()
    let text = "{\"pbs-broker\": \(section.json())}"
    try self.init(path: folder.write("config.yaml", text), program: "pbs-broker")
  }
}
