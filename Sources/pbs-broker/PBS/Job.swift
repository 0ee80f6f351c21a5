import FoundationEssentials
import Shared

/// A PBS job as `qstat -f` tells it, as far as the connector needs it.
struct Job: Sendable, Equatable {
  /// "5.pbsserver".
  var id: String
  var state: State
  /// Finer than the state: 41 is "start requested", 42 "running" (its host has reported).
  var substate: Int
  /// "node1/0*2": hosts and the job's slots there.
  var execHost: String?
  /// How often PBS has started it.
  var runCount: Int
  /// PBS's own words.
  var comment: String?
  var exitStatus: Int?
  var holdTypes: String?
  /// "alice@pbsserver".
  var owner: String
  /// KUBERNETES_POD_UID and its companions, where the job carries them.
  var pod: PodReference?
  /// KUBERNETES_CLUSTER: the cluster whose pod it stands for; nil for a job of before that.
  var cluster: String?
  /// KUBERNETES_POD_SCHEDULER: its pod's scheduler name; nil for a job of before that.
  var scheduler: String?
  /// What PBS gave it: a chunk for each vnode of exec_vnode; empty while it has none.
  var chunks: [AllocatedChunk] = []

  /// "(node1:ncpus=2:mem=655360kb)": what a job holds on one vnode.
  struct AllocatedChunk: Sendable, Equatable {
    var vnode: String
    /// By PBS's names, in PBS's spelling ("ncpus": "2", "mem": "655360kb").
    var resources: [String: String]
  }

  /// PBS's state letters. (PBS Professional Reference Guide, "Job States".)
  enum State: String, Sendable {
    case queued = "Q"
    case held = "H"
    case waiting = "W"
    case transit = "T"
    case begun = "B"
    case running = "R"
    case suspended = "S"
    case userSuspended = "U"
    case exiting = "E"
    case moved = "M"
    case finished = "F"
    case expired = "X"
  }

  /// The host of its first chunk; nil while it has none.
  var host: String? {
    guard let execHost, !execHost.isEmpty else { return nil }
    return String(execHost.prefix { $0 != "/" && $0 != ":" && $0 != "+" })
  }

  /// PBS has said its last word on it.
  var hasEnded: Bool { state == .finished || state == .expired }

  /// Holds resources on a host: running, or on its way out.
  var isRunning: Bool { state == .running }

  /// Waits for its start, for whatever reason.
  var isWaiting: Bool { state == .queued || state == .held || state == .waiting }

  /// Whether this user of PBS has submitted it.
  func isOwned(by user: String) -> Bool { owner.prefix { $0 != "@" } == user }

  var isSuspended: Bool { state == .suspended || state == .userSuspended }

  /// The number in the id, by which older jobs come first.
  var sequence: Int { Int(id.prefix { $0.isNumber }) ?? 0 }
}

extension Job {
  /// From one object of `qstat -f`; nil when it tells no state that is known.
  init?(_ object: PBSText.Object) {
    guard let letter = object.attributes["job_state"], let state = State(rawValue: letter) else {
      return nil
    }
    func number(_ attribute: String) -> Int? { object.attributes[attribute].flatMap { Int($0) } }
    id = object.name
    self.state = state
    substate = number("substate") ?? 0
    execHost = object.attributes["exec_host"]
    runCount = number("run_count") ?? 0
    comment = object.attributes["comment"]
    exitStatus = number("Exit_status")
    holdTypes = object.attributes["Hold_Types"]
    owner = object.attributes["Job_Owner"] ?? ""
    let variables = object.list("Variable_List")
    if let uid = variables[WellKnown.podUID], !uid.isEmpty {
      pod = PodReference(
        uid: uid, namespace: variables[WellKnown.podNamespace] ?? "",
        name: variables[WellKnown.podName] ?? "")
    }
    cluster = variables[WellKnown.cluster]
    scheduler = variables[WellKnown.podScheduler]
  }
}
