import Text

/// A site's status as lines for a terminal.
struct StatusScreen {
  /// What a socket has told, or why it has not.
  enum Side: Equatable {
    case told(by: String)
    case silent(String)
  }

  let status: SiteStatus
  let watcher: Side
  let broker: Side
  /// Pods bound since the screen before, a second; nil on the first one.
  var bindingRate: Double?

  /// Whether both sockets have told all.
  var isWhole: Bool {
    if case .told = watcher, case .told = broker { return true }
    return false
  }

  var lines: [String] {
    var lines = [Self.line("kube-watcher", watcher), Self.line("pbs-broker", broker)]
    if case .told = watcher { lines += watched }
    if case .told = broker { lines += wanted }
    return lines
  }

  private var watched: [String] {
    let cluster = status.cluster.map { cluster in
      let names = cluster.schedulerNames.joined(separator: ", ")
      return "\(cluster.id), scheduler \(names)"
    }
    let counts = SiteStatus.PodState.allCases.map { "\(status.pods[$0] ?? 0) \($0.rawValue)" }
    var lines = [
      Self.entry("cluster", cluster ?? "not known: pods get no jobs"),
      Self.entry("pods", counts.joined(separator: ", ")),
    ]
    if let bindingRate {
      lines.append(Self.entry("bound", "\(String(rounded: bindingRate)) pods/s"))
    }
    lines.append(Self.entry("brokers", Self.shares(status.brokers, of: "pods")))
    let closed = status.closedNodes.sorted()
    let named = closed.prefix(SiteStatus.mostNodes).joined(separator: ", ")
    let more = closed.count > SiteStatus.mostNodes ? ", ..." : ""
    let detail = closed.isEmpty ? "" : ", \(closed.count) take no pods: \(named)\(more)"
    lines.append(Self.entry("nodes", "\(status.nodes)\(detail)"))
    let causes = status.causes.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    if !causes.isEmpty { lines.append("pods wait since:") }
    lines += causes.prefix(SiteStatus.mostCauses).map { cause, count in
      "  \(String(repeating: " ", count: max(0, 6 - "\(count)".count)))\(count)  \(cause)"
    }
    let left = causes.dropFirst(SiteStatus.mostCauses)
    if !left.isEmpty {
      lines.append(
        "          \(left.count) other causes, of \(left.map(\.value).reduce(0, +)) pods")
    }
    return lines
  }

  private var wanted: [String] {
    let kinds = status.wanted.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    return [
      Self.entry("unanswered", kinds.isEmpty ? "nothing" : kinds.joined(separator: ", ")),
      Self.entry("binders", Self.shares(status.binders, of: "of these")),
    ]
  }

  private static func shares(_ shares: [String: Int], of what: String) -> String {
    if shares.isEmpty { return "-" }
    return shares.sorted { $0.key < $1.key }.map { name, count in
      "\(name.isEmpty ? "nobody" : name): \(count) \(what)"
    }.joined(separator: ", ")
  }

  private static func line(_ name: String, _ side: Side) -> String {
    switch side {
    case .told(let instance): entry(name, "\(instance) answers")
    case .silent(let words): entry(name, "does not answer: \(words)")
    }
  }

  private static func entry(_ name: String, _ words: String) -> String {
    let title = "\(name):"
    return title + String(repeating: " ", count: max(1, 14 - title.count)) + words
  }
}
