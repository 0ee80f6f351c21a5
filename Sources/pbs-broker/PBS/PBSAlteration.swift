/// Changes of attributes of a job, as qalter takes them and as a proof of submission signs them.
enum PBSAlteration {
  /// The options of qalter for these attributes.
  /// - Throws: ``PBSError/refused(_:)`` for a value that qalter cannot be given.
  static func arguments(
    _ attributes: [JobAttribute], of job: String
  ) throws(PBSError) -> [String] {
    var arguments: [String] = []
    for attribute in attributes {
      if let resource = attribute.resource {
        arguments += ["-l", "\(resource)=\(attribute.value)"]
        continue
      }
      switch attribute.name {
      case JobTerms.name: arguments += ["-N", attribute.value]
      case JobTerms.project: arguments += ["-P", attribute.value]
      case JobTerms.account: arguments += ["-A", attribute.value]
      case JobTerms.priority: arguments += ["-p", attribute.value]
      case JobTerms.beginTime:
        guard let time = Int(attribute.value).flatMap(LocalTime.text) else {
          throw .refused("\(attribute.value) cannot be a time")
        }
        arguments += ["-a", time]
      default: arguments += ["-W", "\(attribute.name)=\(attribute.value)"]
      }
    }
    return arguments + [job]
  }

  /// What a proof signs of them in a submission's select's place, so that neither stands for the
  /// other: "alter 5.pbsserver Priority=5 Resource_List.walltime=01:00:00". What takes a value away
  /// PBS does not show to hooks. (docs/hooks.md, "The token".)
  static func signed(_ attributes: [JobAttribute], of job: String) -> String {
    let items = attributes.filter { !$0.value.isEmpty }.map { attribute in
      (attribute.resource.map { "\(attribute.name).\($0)" } ?? attribute.name)
        + "=\(attribute.value)"
    }
    return (["alter", job] + items.sorted()).joined(separator: " ")
  }

  /// A duration as PBS writes it: "01:00:00".
  static func duration(_ seconds: Int) -> String {
    let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60]
    return parts.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
  }
}
