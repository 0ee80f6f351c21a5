import Kubernetes
import Messages

/// One part of what a pod has to wait for: "afterany:5.pbsserver:pod/first".
/// (qsub(1B), -W depend; parse_depend_list() of OpenPBS's Libcmds.)
struct Dependency: Sendable, Equatable {
  enum Kind: String, CaseIterable, Sendable {
    case after, afterok, afternotok, afterany, before, beforeany, on
  }

  enum Target: Sendable, Equatable {
    /// A job's id.
    case job(String)
    /// A pod of the same namespace.
    case pod(String)
    /// Of ``Kind/on``.
    case count(Int)
  }

  var kind: Kind
  var targets: [Target]

  /// The most targets of all parts together.
  private static let most = 100

  /// Reads the value of the annotation.
  static func list(_ text: String) throws(OptionError) -> [Dependency] {
    var list: [Dependency] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let words = part.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      guard let kind = words.first.flatMap(Kind.init(rawValue:)) else {
        let kinds = Kind.allCases.map(\.rawValue).joined(separator: ", ")
        throw OptionError(words.first ?? "", isNot: "one of \(kinds)")
      }
      guard words.count > 1 else { throw OptionError("\(kind.rawValue) names nothing") }
      var targets: [Target] = []
      for word in words.dropFirst() { targets.append(try target(word, of: kind)) }
      list.append(Dependency(kind: kind, targets: targets))
    }
    let count = list.reduce(0) { $0 + $1.targets.count }
    guard count <= most else { throw OptionError("names more than \(most) jobs and pods") }
    return list
  }

  private static func target(_ word: String, of kind: Kind) throws(OptionError) -> Target {
    if kind == .on {
      guard let count = Int(word), (1...most).contains(count) else {
        throw OptionError(word, isNot: "a number of jobs")
      }
      return .count(count)
    }
    if word.hasPrefix("pod/") {
      let name = String(word.dropFirst(4))
      guard KubernetesName.isSubdomain(name) else { throw OptionError(word, isNot: "a pod") }
      return .pod(name)
    }
    // With one PBS user for all, PBS cannot tell whose jobs these are.
    guard kind != .before, kind != .beforeany else {
      throw OptionError("\(kind.rawValue) takes pods of the same namespace only (pod/NAME)")
    }
    guard let id = JobID(word), id.index == nil else {
      throw OptionError(word, isNot: "a job's id, or pod/NAME")
    }
    return .job(id.description)
  }

  /// As the annotation has it.
  var text: String {
    let words = targets.map { target in
      switch target {
      case .job(let id): id
      case .pod(let name): "pod/\(name)"
      case .count(let count): "\(count)"
      }
    }
    return ([kind.rawValue] + words).joined(separator: ":")
  }

  /// The pods that it names.
  var podNames: [String] {
    targets.compactMap { if case .pod(let name) = $0 { name } else { nil } }
  }
}

/// What is known of a pod that another one names.
enum PodFate: Sendable, Equatable {
  case unknown
  case withoutJob
  case job(String)
  case succeeded
  case failed
}

/// The value of `-W depend=`, as far as it depends on PBS, and what the pod has to wait for before
/// it can have a job.
///
/// A pod's job is deleted when the pod has ended, well or not, so PBS cannot tell afterok from
/// afternotok of pods: these two are judged by the pod itself.
struct ResolvedDependencies {
  private(set) var text: String?
  private(set) var causes: [String] = []
  private(set) var waits: [String] = []

  /// - Parameter server: see ``TranslationContext/server``. PBS turns to the server that a job's id
  ///   names, which must not be any host of a user's choice.
  init(_ dependencies: [Dependency], server: String? = nil, fate: (String) -> PodFate) {
    let own = server
    var parts: [String] = []
    for dependency in dependencies {
      var words: [String] = []
      for target in dependency.targets {
        switch target {
        case .job(let id):
          words.append(id)
          guard let own, let other = JobID(id)?.server, !other.isEmpty, other != own else {
            continue
          }
          if own.isEmpty {
            waits.append("waits for PBS to name its server")
          } else {
            causes.append("it depends on job \(id), which is not of PBS server \(own)")
          }
        case .count(let count): words.append("\(count)")
        case .pod(let name):
          if let id = job(of: name, fate(name), dependency.kind) { words.append(id) }
        }
      }
      if !words.isEmpty {
        parts.append(([dependency.kind.rawValue] + words).joined(separator: ":"))
      }
    }
    text = parts.isEmpty ? nil : parts.joined(separator: ",")
  }

  /// The job that PBS is to wait for; nil when nothing is left to wait for, or it is not PBS's.
  private mutating func job(of name: String, _ fate: PodFate, _ kind: Dependency.Kind) -> String? {
    switch (kind, fate) {
    case (_, .unknown): waits.append("waits for pod \(name), which does not exist")
    case (.afterok, .succeeded), (.afternotok, .failed): break
    case (.afterok, .failed): causes.append("pod \(name) has failed, and it is to run afterok")
    case (.afternotok, .succeeded):
      causes.append("pod \(name) has succeeded, and it is to run afternotok")
    case (.afterok, _): waits.append("waits for pod \(name) to succeed (afterok)")
    case (.afternotok, _): waits.append("waits for pod \(name) to fail (afternotok)")
    case (_, .withoutJob): waits.append("waits for pod \(name) to get a job")
    case (.before, .succeeded), (.before, .failed), (.beforeany, .succeeded), (.beforeany, .failed):
      causes.append("pod \(name) has ended, and it is to run \(kind.rawValue) that")
    case (_, .succeeded), (_, .failed): break
    case (_, .job(let id)): return id
    }
    return nil
  }
}
