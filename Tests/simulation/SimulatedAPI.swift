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
  /// All that etcd keeps.
  struct State {
    var version = 100
    var pods: [String: SimulatedPod] = [:]
    var lease: (version: Int, spec: String)?
  }

  var state = State()
  var pods: [String: SimulatedPod] { state.pods }
  var version: Int { state.version }
  /// Whether a node's kubelet reports.
  private(set) var nodes: [String: Bool] = [:]
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
    guard !run.trouble.isOn(.apiAway) else {
      return run.later(1) { [unowned self] in create(arrival) }
    }
    created += 1
    let digits = "\(created)"
    let uid = "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
    let name = "pod-\(created)"
    run.history.note("user: creates \(name)")
    state.pods[name] = SimulatedPod(
      number: created, uid: uid, name: name, namespace: arrival.namespace, cpus: arrival.cpus,
      life: arrival.life, ending: arrival.ending)
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
    state.pods[name] = pod
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
    state.pods[name] = nil
    timers[name] = nil
  }

  func bind(_ name: String, to node: String, _ annotations: [String: String]) {
    guard var pod = pods[name] else { return }
    pod.node = node
    pod.annotations.merge(annotations) { $1 }
    pod.boundJob = annotations["pbs-connector/job-id"]
    pod.boundRun = annotations["pbs-connector/run-count"]
    state.pods[name] = pod
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
    state.pods[name]?.phase = "Running"
    changed(name, "MODIFIED")
    after(pod.life, name) { [unowned self] in finished(name) }
  }

  private func finished(_ name: String) {
    guard let pod = pods[name], !pod.isTerminating, let node = pod.node else { return }
    guard nodes[node] == true else {
      return after(10, name) { [unowned self] in finished(name) }
    }
    run.history.note("kubelet: \(name) has finished")
    state.pods[name]?.phase = "Succeeded"
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
    state.pods[name] = pod
    changed(name, "MODIFIED")
  }

  func setNode(_ name: String, isReady: Bool) {
    guard nodes[name] != nil, nodes[name] != isReady else { return }
    nodes[name] = isReady
    state.version += 1
    add(
      Change(version: version, kind: "nodes", line: watchLine("MODIFIED", nodeJSON(name, version))))
  }

  /// A user changes a pod.
  func edit(_ name: String, _ change: (inout SimulatedPod) -> Void) {
    guard var pod = pods[name] else { return }
    change(&pod)
    state.pods[name] = pod
    changed(name, "MODIFIED")
  }

  /// etcd is as it was; what runs on nodes goes on.
  func restore(_ former: State) {
    let gone = pods.values.filter { former.pods[$0.name]?.uid != $0.uid }
    for pod in gone.sorted(by: { $0.number < $1.number }) {
      timers[pod.name] = nil
      run.judge.ended(pod.uid)
    }
    state = former
    changes = []
    oldest = version
    for pod in pods.values.sorted(by: { $0.number < $1.number }) {
      timers[pod.name] = nil
      if !pod.isFinished { run.judge.created(pod.uid) }
      if pod.isTerminating {
        after(pod.ending, pod.name) { [unowned self] in stopped(pod.name) }
      } else if pod.isFinished {
        after(3600, pod.name) { [unowned self] in remove(pod.name) }
      } else if pod.node != nil {
        after(1, pod.name) { [unowned self] in started(pod.name) }
      }
    }
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
    state.version += 1
    let version = state.version
    state.pods[name]?.version = version
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
