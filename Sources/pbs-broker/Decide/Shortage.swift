import Kubernetes

/// That a node has less left than a pod asks for, by the rule by which its kubelet would reject it.
/// (Kubernetes: pkg/scheduler/framework/plugins/noderesources, fitsRequest; pkg/kubelet/lifecycle.)
struct Shortage: Sendable, Equatable {
  /// What some pods hold together.
  struct Holder: Sendable {
    var who: String
    var amounts: Amounts
    /// It may be free soon.
    var isPassing = false
  }

  /// "1 cpu left of 4 (pods of other schedulers hold 3), and the pod asks for 2".
  var words: String
  /// What is about to go would make room enough.
  var mayPass: Bool

  /// nil when it fits.
  /// - Parameters:
  ///   - asked: the pod's effective request.
  ///   - isOfNodes: whether any node has some of a resource of this name.
  init?(
    asked: Amounts, allocatable: Amounts, isOfNodes: (String) -> Bool = { _ in false },
    holders: [Holder]
  ) {
    var lacking: [String] = []
    mayPass = true
    for name in asked.names {
      let all = allocatable[name]
      let held = holders.reduce(0) { $0 &+ $1.amounts[name] }
      // What no node has may be the cluster's, such as a licence. Kubelet passes over that, and also
      // over a device whose plugin has not started yet: the pod would run without.
      guard all > 0 || isOfNodes(name), all &- held < asked[name] else { continue }
      let staying = holders.reduce(0) { $1.isPassing ? $0 : $0 &+ $1.amounts[name] }
      if all &- staying < asked[name] { mayPass = false }
      let text = { AmountText.text($0, name) }
      let who = holders.filter { $0.amounts[name] > 0 }.sorted {
        $0.amounts[name] > $1.amounts[name]
      }.map { "\($0.who) hold \(text($0.amounts[name]))" }
      let unit = name == "memory" ? "of memory" : name
      lacking.append(
        "\(text(max(all &- held, 0))) \(unit) left of \(text(all))"
          + (who.isEmpty ? "" : " (\(who.joined(separator: ", ")))")
          + ", and the pod asks for \(text(asked[name]))")
    }
    guard !lacking.isEmpty else { return nil }
    words = lacking.prefix(3).joined(separator: "; ")
  }
}

/// Amounts for people.
enum AmountText {
  /// - Parameter amount: in the units of ``Amounts``: cpu in thousandths, memory in octets.
  static func text(_ amount: Int, _ name: String) -> String {
    switch name {
    case "cpu":
      let thousandths = String(1000 + amount % 1000).dropFirst()
      let fraction = thousandths.reversed().drop { $0 == "0" }.reversed()
      return "\(amount / 1000)" + (fraction.isEmpty ? "" : ".\(String(fraction))")
    case "memory":
      if amount % (1 << 30) == 0 { return "\(amount >> 30)Gi" }
      if amount % (1 << 20) == 0 { return "\(amount >> 20)Mi" }
      return amount % 1024 == 0 ? "\(amount >> 10)Ki" : "\(amount)"
    default: return "\(amount)"
    }
  }
}
