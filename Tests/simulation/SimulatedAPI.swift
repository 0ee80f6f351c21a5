import FoundationEssentials
import Kubernetes
import ManualTime

@testable import HTTP
@testable import Runtime

/// A Kubernetes in memory: pods, nodes, and as much of the API as the connector uses. What goes wrong
/// between it and a process is ``APILink``'s.
@EventLoop
final class SimulatedAPI {
  /// One change, as watches tell it.
  struct Change {
    var version: Int
    /// "pods" or "nodes".
    var kind: String
    var line: String
  }

  private static let kept = 500

  let run: Run
  private(set) var pods: [String: SimulatedPod] = [:]
  /// Whether a node's kubelet reports.
  private(set) var nodes: [String: Bool] = [:]
  private(set) var version = 100
  private(set) var changes: [Change] = []
  private(set) var oldest = 100
  private var timers: [String: [any Timer]] = [:]
  private var created = 0
  private var listeners: [(number: Int, tell: @EventLoop (Change) -> Void)] = []
  private var lastListener = 0

  init(_ run: Run) {
    self.run = run
    for number in 1...run.plan.hosts { nodes["node\(number)"] = true }
  }

  // MARK: What users and kubelets do

  func create(_ arrival: Plan.Arrival) {
    created += 1
    let digits = "\(created)"
    let uid = "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
    let name = "pod-\(created)"
    run.history.note("user: creates \(name)")
    pods[name] = SimulatedPod(
      number: created, uid: uid, name: name, cpus: arrival.cpus, life: arrival.life,
      ending: arrival.ending)
    changed(name, "ADDED")
    run.judge.created(uid)
    if let seconds = arrival.deletedAfter {
      after(seconds, name) { [unowned self] in
        guard pods[name]?.isTerminating == false else { return }
        run.history.note("user: deletes \(name)")
        delete(name, grace: nil)
      }
    }
  }

  func delete(_ name: String, grace: Int?) {
    guard var pod = pods[name] else { return }
    guard pod.node != nil, !pod.isFinished else { return remove(name) }
    pod.grace = grace ?? 30
    pod.deletion = Timestamp.seconds(run.time.date.addingTimeInterval(Double(pod.grace)))
    pods[name] = pod
    changed(name, "MODIFIED")
    after(min(pod.ending, Double(pod.grace)), name) { [unowned self] in stopped(name) }
  }

  /// Its containers have ended: kubelet, where it reports, takes the object away.
  private func stopped(_ name: String) {
    guard let pod = pods[name], let node = pod.node else { return }
    guard nodes[node] == true else {
      return after(10, name) { [unowned self] in stopped(name) }
    }
    remove(name)
  }

  private func remove(_ name: String) {
    guard let pod = pods[name] else { return }
    run.history.note("kubernetes: \(name) is gone")
    run.judge.ended(pod.uid)
    changed(name, "DELETED")
    pods[name] = nil
    timers[name] = nil
  }

  func bind(_ name: String, to node: String, _ annotations: [String: String]) {
    guard var pod = pods[name] else { return }
    pod.node = node
    pod.annotations.merge(annotations) { $1 }
    pods[name] = pod
    changed(name, "MODIFIED")
    after(1, name) { [unowned self] in started(name) }
  }

  private func started(_ name: String) {
    guard let pod = pods[name], !pod.isTerminating, !pod.isFinished, let node = pod.node else {
      return
    }
    guard nodes[node] == true else {
      return after(10, name) { [unowned self] in started(name) }
    }
    pods[name]?.phase = "Running"
    changed(name, "MODIFIED")
    after(pod.life, name) { [unowned self] in finished(name) }
  }

  private func finished(_ name: String) {
    guard let pod = pods[name], !pod.isTerminating, let node = pod.node else { return }
    guard nodes[node] == true else {
      return after(10, name) { [unowned self] in finished(name) }
    }
    run.history.note("kubelet: \(name) has finished")
    pods[name]?.phase = "Succeeded"
    run.judge.ended(pod.uid)
    changed(name, "MODIFIED")
    // A garbage collector, or its user.
    after(3600, name) { [unowned self] in remove(name) }
  }

  /// The pod of this UID.
  func pod(_ uid: String) -> SimulatedPod? {
    // Names are made of the same number.
    pods["pod-\(Int(uid.suffix(12)) ?? 0)"]
  }

  func set(_ conditions: [SimulatedPod.Condition], of name: String) {
    guard var pod = pods[name] else { return }
    for condition in conditions {
      pod.conditions.removeAll { $0.type == condition.type }
      pod.conditions.append(condition)
    }
    pods[name] = pod
    changed(name, "MODIFIED")
  }

  func setNode(_ name: String, isReady: Bool) {
    guard nodes[name] != nil, nodes[name] != isReady else { return }
    nodes[name] = isReady
    version += 1
    add(
      Change(version: version, kind: "nodes", line: watchLine("MODIFIED", nodeJSON(name, version))))
  }

  /// History before this moment is no longer kept.
  func compact() {
    changes = []
    oldest = version
  }

  /// Tells of each change from now on.
  /// - Returns: a number for ``silence(_:)``.
  func listen(_ tell: @escaping @EventLoop (Change) -> Void) -> Int {
    lastListener += 1
    listeners.append((lastListener, tell))
    return lastListener
  }

  func silence(_ number: Int) { listeners.removeAll { $0.number == number } }

  // MARK: As JSON

  func nodeJSON(_ name: String, _ version: Int) -> String {
    let ready = nodes[name] == true ? "True" : "False"
    return
      #"{"metadata":{"name":"\#(name)","uid":"\#(name)","resourceVersion":"\#(version)"},"status":{"conditions":[{"type":"Ready","status":"\#(ready)"}]}}"#
  }

  func list(_ kind: String) -> String {
    let items =
      switch kind {
      case "pods": pods.values.sorted { $0.number < $1.number }.map(\.json)
      case "nodes": nodes.keys.sorted().map { nodeJSON($0, version) }
      default: [String]()
      }
    return
      #"{"metadata":{"resourceVersion":"\#(version)"},"items":[\#(items.joined(separator: ","))]}"#
  }

  private func watchLine(_ type: String, _ object: String) -> String {
    #"{"type":"\#(type)","object":\#(object)}"# + "\n"
  }

  private func changed(_ name: String, _ type: String) {
    version += 1
    pods[name]?.version = version
    guard let pod = pods[name] else { return }
    add(Change(version: version, kind: "pods", line: watchLine(type, pod.json)))
  }

  private func add(_ change: Change) {
    changes.append(change)
    if changes.count > 2 * Self.kept {
      changes.removeFirst(Self.kept)
      oldest = changes[0].version - 1
    }
    for listener in listeners { listener.tell(change) }
  }

  /// Does something about a pod so many seconds later, while it is there.
  private func after(
    _ seconds: Double, _ name: String, _ action: @escaping @EventLoop () -> Void
  ) {
    let timer = run.time.timer(action)
    timer.schedule(after: seconds)
    timers[name, default: []].append(timer)
  }
}
