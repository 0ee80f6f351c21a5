/// One vnode as `pbsnodes -av` tells it.
struct PBSVnode: Sendable, Equatable {
  /// Its own name, which exec_vnode uses.
  var name: String
  /// resources_available.host, which `select=host=` uses; the name where it has none.
  var host: String
  /// PBS cannot reach it.
  var isDown = false
  /// Somebody has taken it out of service.
  var isOffline = false
  /// PBS or its MoM has (offline_by_mom, maintenance).
  var isBarred = false
  /// What somebody has written about it; nil for nothing, and for what PBS itself has.
  var comment: String?
  /// The host that its MoM runs on, by which state and comment are set; nil where that is not one.
  var mom: String?
  /// resources_available.
  var resources: [String: String] = [:]
}

/// PBS's execution hosts.
struct PBSHosts: Sendable, Equatable {
  var vnodes: [PBSVnode] = []

  /// Every name of a host or of a vnode.
  var all: Set<String> { Set(vnodes.flatMap { [$0.name, $0.host] }) }
  /// Those that PBS cannot reach.
  var down: Set<String> = []
  /// What jobs hold, by vnode.
  var assigned: [String: [String: String]] = [:]

  /// All names of the vnodes that PBS calls down, and of the hosts all of whose vnodes are.
  var calledDown: Set<String> {
    let isUp = Set(vnodes.filter { !$0.isDown }.flatMap { [$0.name, $0.host] })
    return Set(vnodes.filter(\.isDown).flatMap { [$0.name, $0.host] }).subtracting(isUp)
  }
}

extension PBSHosts {
  /// The unreachable ones among a vnode's states.
  private static let downStates: Set<Substring> = [
    "down", "state-unknown", "unknown", "unresolvable",
  ]

  private static let barredStates: Set<Substring> = ["offline_by_mom", "maintenance"]

  /// From PBS's vnodes.
  /// - Parameter unreadable: called with the name of each of which PBS tells no state.
  init(_ objects: [PBSText.Object], unreadable: (String) -> Void) {
    for node in objects {
      guard node.isWhole, let state = node.attributes["state"] else {
        unreadable(node.name)
        continue
      }
      vnodes.append(
        PBSVnode(
          // A vnode's name is its host's unless the site has cut hosts into several vnodes.
          name: node.name, host: node.attributes["resources_available.host"] ?? node.name,
          isDown: !Self.downStates.isDisjoint(with: state.split(separator: ",")),
          isOffline: state.split(separator: ",").contains("offline"),
          isBarred: !Self.barredStates.isDisjoint(with: state.split(separator: ",")),
          comment: node.attributes["comment"].flatMap { Self.isOfPBS($0) ? nil : $0 },
          mom: node.attributes["Mom"].flatMap { Self.isName($0) ? $0 : nil },
          resources: Self.amounts("resources_available.", node.attributes)))
      assigned[node.name] = Self.amounts("resources_assigned.", node.attributes)
    }
    down = calledDown
  }

  /// Whether these are words of PBS's server on a host that is down, which it replaces and takes away
  /// itself (OpenPBS, node_manager.c: "node down: communication closed").
  private static func isOfPBS(_ comment: String) -> Bool {
    comment.isEmpty || comment.hasPrefix("node down: ")
  }

  /// Whether this is one host's name, as a command or a request may have it.
  static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 255 && text.first != "-"
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || ".-_".contains($0)) }
  }

  private static func amounts(
    _ prefix: String, _ attributes: [String: String]
  ) -> [String: String] {
    attributes.reduce(into: [:]) { resources, attribute in
      guard attribute.key.hasPrefix(prefix) else { return }
      resources[String(attribute.key.dropFirst(prefix.count))] = attribute.value
    }
  }
}
