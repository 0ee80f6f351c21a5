/// One vnode as `pbsnodes -av` tells it.
struct PBSVnode: Sendable, Equatable {
  /// Its own name, which exec_vnode uses.
  var name: String
  /// resources_available.host, which `select=host=` uses; the name where it has none.
  var host: String
  /// PBS cannot reach it.
  var isDown = false
}

/// PBS's execution hosts.
struct PBSHosts: Sendable, Equatable {
  var vnodes: [PBSVnode] = []

  /// Every name of a host or of a vnode.
  var all: Set<String> { Set(vnodes.flatMap { [$0.name, $0.host] }) }
  /// Those that PBS cannot reach.
  var down: Set<String> = []

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
          isDown: !Self.downStates.isDisjoint(with: state.split(separator: ","))))
    }
    down = calledDown
  }
}
