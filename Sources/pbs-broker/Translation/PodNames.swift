import Kubernetes

/// What a job says about its pod, in its environment. Nothing but names by Kubernetes' own rules
/// gets there: the text of `qsub -v` and of `qstat -f` is made of it.
struct PodNames {
  private(set) var environment: [(name: String, value: String)] = []
  private(set) var causes: [String] = []

  init(_ pod: Pod, cluster: String?) {
    let metadata = pod.metadata
    add(WellKnown.podUID, metadata.uid ?? "", "metadata.uid", longest: 128)
    add(WellKnown.podName, metadata.name, "metadata.name", longest: 253, small: true)
    add(
      WellKnown.podNamespace, metadata.namespace ?? "default", "metadata.namespace", longest: 63,
      small: true)
    if let cluster { add(WellKnown.cluster, cluster, "the cluster's identity", longest: 253) }
    if let scheduler = pod.spec.schedulerName, !scheduler.isEmpty {
      add(WellKnown.podScheduler, scheduler, "spec.schedulerName", longest: 253)
    }
  }

  private mutating func add(
    _ variable: String, _ text: String, _ what: String, longest: Int, small: Bool = false
  ) {
    if Self.isName(text, longest: longest, small: small) {
      environment.append((variable, text))
    } else {
      causes.append("\(what) is no name by Kubernetes' rules")
    }
  }

  /// Letters, digits, "-" and ".", beginning and ending with a letter or a digit; in names of
  /// objects small letters only, in others also "_". (Kubernetes: "Object Names and IDs".)
  private static func isName(_ text: String, longest: Int, small: Bool) -> Bool {
    func isLetterOrDigit(_ octet: UInt8) -> Bool {
      (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet)
        || (!small && (0x41...0x5A).contains(octet))
    }
    let octets = text.utf8
    guard let first = octets.first, let last = octets.last, octets.count <= longest,
      isLetterOrDigit(first), isLetterOrDigit(last)
    else { return false }
    return octets.allSatisfy {
      isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
        || (!small && $0 == UInt8(ascii: "_"))
    }
  }
}
