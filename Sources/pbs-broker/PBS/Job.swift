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

  var isSuspended: Bool { state == .suspended || state == .userSuspended }

  /// The number in the id, by which older jobs come first.
  var sequence: Int { Int(id.prefix { $0.isNumber }) ?? 0 }
}

extension Job {
  /// From one member of the Jobs object of `qstat -f -F json`.
  init?(id: String, _ attributes: PBSJSON) {
    guard let letter = attributes["job_state"]?.text, let state = State(rawValue: letter) else { return nil }
    self.id = id
    self.state = state
    substate = attributes["substate"]?.text.flatMap { Int($0) } ?? 0
    execHost = attributes["exec_host"]?.text
    runCount = attributes["run_count"]?.text.flatMap { Int($0) } ?? 0
    comment = attributes["comment"]?.text
    exitStatus = attributes["Exit_status"]?.text.flatMap { Int($0) }
    holdTypes = attributes["Hold_Types"]?.text
    owner = attributes["Job_Owner"]?.text ?? ""
    if let variables = attributes["Variable_List"], let uid = variables[WellKnown.podUID]?.text {
      pod = PodReference(
        uid: uid, namespace: variables[WellKnown.podNamespace]?.text ?? "",
        name: variables[WellKnown.podName]?.text ?? "")
    }
  }
}
