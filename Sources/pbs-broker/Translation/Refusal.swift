/// Why a pod does not become a job, or not yet: lines for its owner.
struct Refusal: Error, Equatable, CustomStringConvertible {
  enum Kind: Sendable, Equatable {
    /// PBS cannot honour what the pod asks for; only another pod can help.
    case cannot
    /// It waits for something that Kubernetes or PBS is about to tell.
    case waits
  }

  /// ``Kind/waits`` only when nothing else stands in the way.
  let kind: Kind
  /// All of them, sorted, each once.
  let causes: [String]
  /// Whether another word of PBS on its hosts may help.
  var dependsOnHosts = false

  /// The causes that a message names.
  private static let most = 10

  init(_ kind: Kind = .cannot, causes: some Sequence<String>) {
    self.kind = kind
    self.causes = Set(causes).sorted()
  }

  init(_ cause: String) {
    self.init(causes: [cause])
  }

  var description: String {
    let more = causes.count - Self.most
    return causes.prefix(Self.most).joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
  }
}
