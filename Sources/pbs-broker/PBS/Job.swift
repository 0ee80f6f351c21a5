import FoundationEssentials
import Kubernetes
import Messages

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
  /// KUBERNETES_DEVICES: the devices that PBS gave it on its host, with commas between them.
  var devices: String?
  /// What PBS gave it: a chunk for each vnode of exec_vnode; empty while it has none.
  var chunks: [AllocatedChunk] = []
  /// Resource_List.select: what it asks for, with PBS's defaults filled in.
  var select: String?
  /// Its queue.
  var queue: String?
  /// Resource_List.k8s_pod: the pod that a server hook has vouched for; users cannot write it.
  var proof: String?
  /// What PBS gave it, in its own words; nil while it has nothing.
  var execVnode: String?
  /// estimated.start_time, in seconds since 1970 and whole minutes; nil where PBS estimates none.
  var estimatedStart: Int?
  /// What it asks for, as PBS tells it while the job waits; nil where that is not known.
  var toldTerms: ToldTerms?
  /// KUBERNETES_JOB_TERMS: what was asked for when it was submitted; nil as above, and for a job of
  /// before that.
  var recordedTerms: String?

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

    var waits: Bool { self == .queued || self == .held || self == .waiting }
  }

  /// The host of its first chunk, by exec_host; nil while it has none.
  var host: String? {
    guard let execHost, !execHost.isEmpty else { return nil }
    return String(execHost.prefix { $0 != "/" && $0 != ":" && $0 != "+" })
  }

  /// Both are read when they are needed, which is seldom.
  var terms: JobTerms? { toldTerms?.terms }
  var recorded: JobTerms? { JobTerms(recordedTerms) }

  /// This server has said its last word on it.
  var hasEnded: Bool { state == .finished || state == .expired || state == .moved }

  /// Holds resources on a host: running, or on its way out.
  var isRunning: Bool { state == .running }

  /// Waits for its start, for whatever reason.
  var isWaiting: Bool { state.waits }

  /// Whether this user of PBS has submitted it.
  func isOwned(by user: String) -> Bool { owner.prefix { $0 != "@" } == user }

  /// Its owner without the host that he submitted from.
  var ownerName: String { String(owner.prefix { $0 != "@" }) }

  var isSuspended: Bool { state == .suspended || state == .userSuspended }

  /// The number in the id, by which older jobs come first.
  var sequence: Int { Int(id.prefix { $0.isNumber }) ?? 0 }
}

extension Job {
  /// From what a helper or qstat tells; nil when something of it has another form than PBS gives it.
  init?(_ flat: FlatJob) {
    guard let letter = flat.text(.state), let state = State(rawValue: letter),
      let substate = flat.number(.substate), let runCount = flat.number(.runCount),
      let exitStatus = flat.number(.exitStatus),
      let chunks = flat.octets(.execVnode).map(Self.allocatedChunks) ?? []
    else { return nil }
    id = String(flat: flat.id)
    self.state = state
    self.substate = substate ?? 0
    execHost = flat.text(.execHost)
    self.runCount = runCount ?? 0
    comment = flat.text(.comment)
    self.exitStatus = exitStatus
    holdTypes = flat.text(.holdTypes)
    owner = flat.text(.owner) ?? ""
    if let uid = flat.text(.podUID), !uid.isEmpty {
      pod = PodReference(
        uid: uid, namespace: flat.text(.podNamespace) ?? "", name: flat.text(.podName) ?? "")
    }
    cluster = flat.text(.cluster)
    devices = flat.text(.devices).flatMap(Devices.names)
    scheduler = flat.text(.scheduler)
    self.chunks = chunks
    select = flat.resource(JobField.select)
    proof = flat.resource(JobField.proof)
    execVnode = flat.text(.execVnode)
    queue = flat.text(.queue)
    guard isWaiting else { return }
    // It changes by seconds all the time.
    estimatedStart = flat.text(.estimatedStart).flatMap(LocalTime.told).map { $0 / 60 * 60 }
    toldTerms = ToldTerms(flat)
    recordedTerms = flat.text(.recordedTerms)
  }

  /// From one object of `qstat -f -w`; nil as above.
  init?(_ object: PBSText.Object) {
    var writer = FlatWriter()
    writer.add(job: object)
    let job = writer.octets.withUnsafeBytes { octets -> Job? in
      var reader = FlatReader(octets)
      var flat = FlatJob()
      guard (try? flat.read(&reader)) != nil else { return nil }
      return Job(flat)
    }
    guard let job else { return nil }
    self = job
  }
}
