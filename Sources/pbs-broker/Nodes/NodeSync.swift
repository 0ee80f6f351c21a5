import Kubernetes
import Logging
import Messages
import Runtime
import Text

/// Carries the state of machines both ways: looks at PBS's hosts now and then, and at once when a
/// node changes, and does what ``NodeAgreement`` says, host by host.
@EventLoop
final class NodeSync {
  /// What is remembered of a node: moments, in monotonic seconds.
  private struct Seen {
    var notReadySince: Double?
    var downSince: Double?
    var memory = NodeAgreement.Memory()
    /// Whether the node had our taint at the last look.
    var hadTaint = false
    /// Tries to change the host in PBS that have failed wait.
    var backoff: Backoff
    var notBefore = 0.0

    init(jitter: Jitter) {
      backoff = Backoff(first: 5, longest: 300, jitter: jitter)
    }
  }

  /// Seconds for which a look at PBS's hosts is acted upon.
  private static let freshness = 2.0
  /// Seconds between two times at which there is nothing to do.
  private static let idle = 86400.0

  private let world: World
  private let backend: any PBSBackend
  private var settings: NodeSyncSettings
  private let marks: NodeMarks
  private let owns: @EventLoop (String) -> Bool
  private let doubt: NodeDoubt
  private let resources: ResourceSync
  private let clock: any Clock
  private let log: Logger
  private let complaints: RepeatedNotice
  private let wakeup: Wakeup
  private var seen: [String: Seen] = [:]
  private var failures: Backoff
  private var isFailing = false

  init(
    world: World, backend: any PBSBackend, settings: NodeSyncSettings, marks: NodeMarks,
    doubt: NodeDoubt, owns: @escaping @EventLoop (String) -> Bool,
    clock: any Clock, log: Logger
  ) {
    self.world = world
    self.backend = backend
    self.settings = settings
    self.marks = marks
    self.doubt = doubt
    self.owns = owns
    self.clock = clock
    self.log = log
    wakeup = Wakeup(clock: clock)
    resources = ResourceSync(world: world, backend: backend, owns: owns, clock: clock, log: log)
    failures = Backoff(first: 5, longest: 300, jitter: clock.jitter())
    complaints = RepeatedNotice(log: log)
  }

  /// Looks for ever.
  func run() async {
    if settings.setsResources { log.notice("\(resources.notice)") }
    if settings.isOn { log.notice("\(Self.notice(isOn: true, user: backend.user))") }
    while !Task.isCancelled {
      let delay = settings.isNeeded ? await look() : Self.idle
      await wakeup.wait(atMost: delay)
    }
  }

  /// Other settings are in force. What was done to hosts and nodes by the former ones is not undone,
  /// but where the new ones say so.
  func reload(_ new: NodeSyncSettings) {
    guard new != settings else { return }
    if new.setsResources, !settings.setsResources { log.notice("\(resources.notice)") }
    if new.isOn != settings.isOn {
      log.notice("\(Self.notice(isOn: new.isOn, user: backend.user))")
    }
    settings = new
    if !new.isNeeded { marks.forgetAll() }
    wakeup.wake(within: 0.2)
  }

  private static func notice(isOn: Bool, user: String) -> String {
    isOn
      ? "sync-nodes: hosts of PBS follow their nodes and nodes their hosts; PBS's user \(user) needs to be an operator (qmgr -c 'set server operators += \(user)@HOST'), and binder needs deploy/rbac-nodes.yaml"
      : "sync-nodes is off: hosts that are offline because of their nodes, and taints of nodes, stay as they are (pbsnodes -r -C \"\" HOST, kubectl taint node NODE \(WellKnown.offlineTaint)-)"
  }

  /// A node has changed: PBS is looked at soon.
  func nodeChanged(_ node: Node, before: Node?) {
    guard settings.isNeeded, node.spec != before?.spec || node.isReady != before?.isReady else {
      return
    }
    wakeup.wake(within: 0.2)
  }

  /// - Returns: seconds until the next look.
  private func look() async -> Double {
    guard world.syncedSince != nil, world.cluster != nil else { return 1 }
    let hosts: PBSHosts
    do throws(PBSError) {
      hosts = try await backend.hosts()
    } catch {
      if !isFailing { log.warning("sync-nodes: PBS's hosts cannot be listed: \(error)") }
      isFailing = true
      // What was seen before may have changed meanwhile.
      for name in seen.keys { seen[name]?.downSince = nil }
      return failures.delay()
    }
    isFailing = false
    failures.reset()
    // Waiting for PBS, kube-watcher may have been lost.
    guard world.syncedSince != nil, let cluster = world.cluster?.id else { return 1 }
    let machines = note(hosts)
    for machine in machines { mark(machine, cluster) }
    let looked = clock.now
    for machine in machines where settings.isOn {
      guard await agree(machine, cluster) else { continue }
      // Each change takes its time, and what follows is to be decided on what is so by then.
      if clock.now - looked > Self.freshness { return 0 }
    }
    if settings.setsResources {
      await resources.look(
        at: machines.map { .init(node: $0.node, uid: $0.reference.uid, vnodes: $0.vnodes) },
        assigned: hosts.assigned, cluster: cluster, cpu: settings.cpu, rest: settings.limits.rest)
    }
    return settings.interval
  }

  // MARK: What is seen

  /// A node and its host.
  private struct Machine {
    var node: Node
    var reference: NodeReference
    var vnodes: [PBSVnode]
    var nodeState: NodeAgreement.NodeState
    var hostState: NodeAgreement.HostState
  }

  private func note(_ hosts: PBSHosts) -> [Machine] {
    var map = world.hostMap
    map.hosts = hosts
    let vnodes = Dictionary(grouping: hosts.vnodes) { $0.host.lowercased() }
    let now = clock.now
    seen = seen.filter { world.nodes[$0.key] != nil }
    var machines: [Machine] = []
    for (name, node) in world.nodes.sorted(by: { $0.key < $1.key }) {
      guard let host = map.match(node: name).only, let vnodes = vnodes[host.lowercased()],
        let reference = NodeReference(node)
      else { continue }
      var known = seen[name] ?? Seen(jitter: clock.jitter())
      known.notReadySince = node.isReady ? nil : known.notReadySince ?? now
      let isDown = vnodes.allSatisfy(\.isDown)
      known.downSince = isDown ? known.downSince ?? now : nil
      let hasTaint = node.spec?.taints?.contains(where: \.isOffline) == true
      if known.hadTaint, !hasTaint { known.memory.nodeReturned = now }
      known.hadTaint = hasTaint
      seen[name] = known
      machines.append(
        Machine(
          node: node, reference: reference, vnodes: vnodes,
          nodeState: .init(node, notReadyFor: known.notReadySince.map { now - $0 } ?? 0),
          hostState: .init(vnodes, downFor: known.downSince.map { now - $0 } ?? 0)))
    }
    doubt.judge(
      notReady: machines.count { NodeAgreement.isNotReady($0.nodeState, settings.limits) },
      down: machines.count { NodeAgreement.isDown($0.hostState, settings.limits) },
      of: machines.count)
    return machines
  }

  // MARK: What is done

  /// Lets the host be in or out of service as its node says.
  /// - Returns: whether PBS was asked for a change.
  private func agree(_ machine: Machine, _ cluster: String) async -> Bool {
    let name = machine.node.metadata.name
    let now = clock.now
    guard owns(machine.reference.uid), now >= seen[name]?.notBefore ?? 0 else { return false }
    let step = NodeAgreement.step(
      node: machine.nodeState, host: machine.hostState, cluster: cluster,
      memory: seen[name]?.memory ?? .init(), limits: settings.limits,
      isDoubted: doubt.doubtsNodes, now: now)
    let wanted: (isOffline: Bool, comment: String, words: String)
    switch step {
    case .nothing: return false
    case .rests:
      complaints.say(
        "node \(name) is fine again; its host stays offline in PBS until \(String(rounded: settings.limits.rest)) s (sync-rest) after it was given back last",
        of: name)
      return false
    case .takeAway(let comment):
      guard let text = comment.text(limit: backend.commentLimit) else {
        complaints.say(
          "node \(name) is not fine (\(comment.reason)), but the comment of its host in PBS (\(comment.before)) leaves no room for ours: the host is left in service",
          of: name)
        return false
      }
      wanted = (true, text, "is taken out of service: \(comment.reason)")
    case .giveBack(let comment):
      wanted = (false, comment, "is given back")
    }
    guard let mom = machine.vnodes.first?.mom else {
      complaints.say("PBS does not name one host for node \(name) (Mom)", of: name)
      return false
    }
    do throws(PBSError) {
      try await backend.setOffline(wanted.isOffline, host: mom, comment: wanted.comment)
      log.notice("host \(mom) of node \(name) \(wanted.words)")
      seen[name]?.backoff.reset()
      complaints.end(of: name)
      if !wanted.isOffline, machine.hostState.isOffline {
        seen[name]?.memory.hostReturned = clock.now
      }
    } catch {
      var known = seen[name] ?? Seen(jitter: clock.jitter())
      let delay = known.backoff.delay()
      known.notBefore = clock.now + delay
      seen[name] = known
      let remedy =
        if case .unauthorized = error {
          "; PBS's user \(backend.user) has to be an operator (qmgr -c 'set server operators += \(backend.user)@HOST')"
        } else { "" }
      complaints.say(
        "host \(mom) of node \(name) cannot be changed in PBS: \(error)\(remedy)", of: name)
    }
    return true
  }

  /// Lets the node show what PBS says of its host.
  private func mark(_ machine: Machine, _ cluster: String) {
    let uid = machine.reference.uid
    guard owns(uid) else { return marks.want(nil, for: uid) }
    let name = machine.node.metadata.name
    var mark = MarkNode(node: machine.reference, setsTaint: false, reason: "")
    var words: [String] = []
    if settings.isOn {
      let wanted = NodeAgreement.taint(
        node: machine.nodeState, host: machine.hostState, cluster: cluster,
        memory: seen[name]?.memory ?? .init(), limits: settings.limits,
        isDoubted: doubt.doubtsHosts, now: clock.now)
      let present = machine.node.spec?.taints?.first(where: \.isOffline).map { $0.value ?? "" }
      if wanted != present {
        mark.setsTaint = true
        mark.offline = wanted
        words.append(wanted.map { "PBS calls its host \($0)" } ?? "PBS has its host again")
      }
    }
    let labels = NodeLabels.changes(
      to: machine.node, of: machine.vnodes, by: settings.labels)
    for problem in labels.problems { complaints.say(problem, of: "\(name) label") }
    mark.labels = labels.changes
    words += labels.changes.sorted { $0.key < $1.key }.map { key, value in
      "label \(key) is to be \(value ?? "taken away")"
    }
    mark.reason = words.joined(separator: "; ")
    marks.want(words.isEmpty ? nil : mark, for: uid)
  }
}
