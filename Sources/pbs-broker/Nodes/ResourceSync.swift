import Kubernetes
import Logging
import Messages
import Runtime
import Text

/// Lets PBS's hosts have what their nodes have (`sync-resources`), host by host, as
/// ``ResourceAgreement`` says.
@EventLoop
final class ResourceSync {
  /// Hosts that are changed in one look: with commands each is a connection, which submissions need
  /// as well.
  private static let most = 50
  private static let mostByCommands = 5
  /// Seconds for which a look at PBS's hosts is acted upon.
  private static let freshness = 2.0

  /// A node and its host.
  struct Machine {
    var node: Node
    var uid: String
    var vnodes: [PBSVnode]
  }

  private let world: World
  private let backend: any PBSBackend
  private let owns: @EventLoop (String) -> Bool
  private let clock: any Clock
  private let log: Logger
  private let complaints: RepeatedNotice
  private var rises: [String: [String: ResourceAgreement.Rise]] = [:]
  /// Tries that have failed wait: of all hosts, where PBS lets us change none; of one.
  private var waits: Backoff
  private var notBefore = 0.0
  private var waitsOfHosts: [String: (Backoff, notBefore: Double)] = [:]

  init(
    world: World, backend: any PBSBackend, owns: @escaping @EventLoop (String) -> Bool,
    clock: any Clock, log: Logger
  ) {
    self.world = world
    self.backend = backend
    self.owns = owns
    self.clock = clock
    self.log = log
    complaints = RepeatedNotice(log: log)
    waits = Backoff(first: 5, longest: 300, jitter: clock.jitter())
  }

  /// For the log, when it begins.
  var notice: String {
    "sync-resources: hosts of PBS get cpus and memory from their nodes; PBS's user \(backend.user) needs to be an operator (\(rightRemedy)), and the resource \(CapacityMark.resource) has to be there (\(markRemedy))"
  }

  private var rightRemedy: String { "qmgr -c 'set server operators += \(backend.user)@HOST'" }
  private var markRemedy: String { "qmgr -c '\(CapacityMark.creation)'" }

  /// Compares hosts with their nodes, and changes as many as one look may.
  /// - Parameters:
  ///   - assigned: what jobs hold, by vnode.
  ///   - cpu: what stands for cpu in PBS.
  ///   - rest: seconds that a node has to have more until its host has.
  func look(
    at machines: [Machine], assigned: [String: [String: String]], cluster: String,
    cpu: TranslationPolicy.Counterpart?, rest: Double
  ) async {
    guard world.cluster?.nodeUse == true else {
      return complaints.say(
        "sync-resources: kube-watcher does not tell what pods hold of nodes: no host is changed; is it of an older version?",
        of: "kube-watcher")
    }
    complaints.end(of: "kube-watcher")
    let names = Set(machines.map(\.node.metadata.name))
    rises = rises.filter { names.contains($0.key) }
    waitsOfHosts = waitsOfHosts.filter { names.contains($0.key) }
    let looked = clock.now
    var left = backend.connections(for: .action) == nil ? Self.most : Self.mostByCommands
    for machine in machines where left > 0 && clock.now >= notBefore {
      guard clock.now - looked <= Self.freshness else { return }
      guard owns(machine.uid), let vnode = only(machine) else { continue }
      let name = machine.node.metadata.name
      let use = world.ledger.uses[name] ?? NodeUse(node: name)
      guard let wanted = ResourceAgreement.wanted(machine.node, use, cpu: cpu) else { continue }
      let known = vnode.resources[CapacityMark.resource]
      if let known, CapacityMark(known)?.cluster != cluster {
        complaints.say(
          "sync-resources: host \(vnode.name) is left alone, since its \(CapacityMark.resource) is another's: \(PlainText.quoted(known))",
          of: name)
        continue
      }
      let step = ResourceAgreement.step(
        wanted, vnode, cluster: cluster, rises: &rises[name, default: [:]], rest: rest,
        now: clock.now)
      sayOverruled(step, vnode, name)
      guard !step.values.isEmpty || step.mark.text != known,
        clock.now >= waitsOfHosts[name]?.notBefore ?? 0
      else { continue }
      left -= 1
      await set(step, vnode, machine, assigned[vnode.name] ?? [:])
    }
  }

  /// The machine's one vnode.
  private func only(_ machine: Machine) -> PBSVnode? {
    guard let vnode = machine.vnodes.first, machine.vnodes.count == 1 else {
      complaints.say(
        "sync-resources: the host of node \(machine.node.metadata.name) has \(machine.vnodes.count) vnodes, and which is to have what is not known: it is left alone",
        of: machine.node.metadata.name)
      return nil
    }
    guard !vnode.isDown, PBSHosts.isName(vnode.name) else { return nil }
    return vnode
  }

  private func sayOverruled(_ step: ResourceAgreement.Step, _ vnode: PBSVnode, _ name: String) {
    guard !step.overruled.isEmpty else { return complaints.end(of: name) }
    let words = step.overruled.map { resource in
      let set = step.mark.values[resource].map {
        " after sync-resources had set \(ResourceAgreement.text($0, resource))"
      }
      return "\(resource) is \(vnode.resources[resource] ?? ""), set by hand\(set ?? "")"
    }.joined(separator: ", ")
    complaints.say(
      "host \(vnode.name): \(words): it is left alone until it is what its node has, or until its \(CapacityMark.resource) is unset",
      of: name)
  }

  private func set(
    _ step: ResourceAgreement.Step, _ vnode: PBSVnode, _ machine: Machine,
    _ assigned: [String: String]
  ) async {
    var texts = [CapacityMark.resource: step.mark.text]
    for (name, value) in step.values { texts[name] = ResourceAgreement.text(value, name) }
    let name = machine.node.metadata.name
    do throws(PBSError) {
      try await backend.setResources(texts, vnode: vnode.name)
    } catch {
      return failed(error, vnode, name)
    }
    waits.reset()
    waitsOfHosts[name] = nil
    complaints.end(of: "PBS")
    complaints.end(of: "\(name) PBS")
    for (resource, value) in step.values.sorted(by: { $0.key < $1.key }) {
      rises[name]?[resource] = nil
      let words =
        "host \(vnode.name): \(resource) is \(ResourceAgreement.text(value, resource)) now, as node \(name) has it, and was \(vnode.resources[resource] ?? "not set")"
      if let held = assigned[resource], PBSSelect.amount(held) ?? 0 > value {
        log.warning("\(words); jobs there hold \(held), and no other starts until they hold less")
      } else {
        log.notice("\(words)")
      }
    }
  }

  private func failed(_ error: PBSError, _ vnode: PBSVnode, _ name: String) {
    let words = "sync-resources: resources of hosts cannot be set in PBS: \(error)"
    if case .unauthorized = error {
      complaints.say(
        "\(words); PBS's user \(backend.user) has to be an operator (\(rightRemedy))", of: "PBS")
    } else if case .refused = error, error.description.contains("Unknown resource") {
      complaints.say(
        "\(words); \(CapacityMark.resource) has to be there (\(markRemedy))", of: "PBS")
    } else if case .refused = error {
      complaints.say(
        "sync-resources: host \(vnode.name) cannot be changed in PBS: \(error)", of: "\(name) PBS")
      var wait =
        waitsOfHosts[name]?.0 ?? Backoff(first: 5, longest: 300, jitter: clock.jitter())
      let delay = wait.delay()
      waitsOfHosts[name] = (wait, clock.now + delay)
      return
    } else {
      complaints.say("\(words)", of: "PBS")
    }
    notBefore = clock.now + waits.delay()
  }
}
