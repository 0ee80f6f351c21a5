/// A PBS job as it is to be submitted: all that whoever talks to PBS needs to know.
struct JobDescription: Sendable, Equatable {
  /// PBS's Job_Name.
  var name: String
  /// One item for each chunk.
  var chunks: [Chunk]
  /// Seconds; nil for the queue's default.
  var walltime: Int?
  /// nil for PBS's default queue.
  var queue: String?
  /// Variable_List.
  var environment: [(name: String, value: String)]
  /// The proof of its submission (k8s_token), a new one each time: no part of what the job is.
  var token: String?
  var project: String?
  /// Account_Name.
  var account: String?
  /// group_list.
  var group: String?
  var priority: Int?
  /// Resource_List.place; nil for PBS's default.
  var place: String?
  /// Of the job as a whole (Resource_List), by name, besides walltime, select and place.
  var resources: [String: String] = [:]
  /// The PBS user whose job it is; nil for pbs-broker's own.
  var user: String?
  /// The only host without a taint that keeps its pod off, at the moment: for its submission alone. A
  /// job that waits is not altered for it, since taints come and go; one that was submitted with a
  /// host that is no longer the only one is freed of it.
  var onlyHost: String?
  /// Submitted with a user hold.
  var isHeld = false
  /// depend, in PBS's own form: "afterany:5.pbsserver:6.pbsserver,after:7.pbsserver".
  var depend: String?
  /// The same as the pod says it, with pods for jobs; no part of what PBS is given.
  var dependsOn: String?
  /// Execution_Time, seconds since 1970.
  var beginTime: Int?
  /// What of its pod is ignored, for the pod's owner; no part of what the job is.
  var ignored: [String] = []
  /// Whether user, queue, project, account or group are others than all jobs have: what PBS says against
  /// them is no reason for other pods to wait.
  var hasOwnTerms = false

  /// One chunk of a select: what is needed on one host.
  struct Chunk: Sendable, Equatable {
    /// Whole CPUs.
    var ncpus: Int
    /// Octets; nil when the pod asks for none.
    var memory: Int?
    /// The host, where the pod insists on one.
    var host: String?
    /// Further resources by their PBS names, whole numbers.
    var others: [String: Int]
    /// Further resources whose values are no amounts to compare, by their PBS names.
    var words: [String: String] = [:]
  }

  /// The text of `-l select=`. (PBS Professional User's Guide, "Requesting Resources".)
  var select: String {
    chunks.map(\.text).joined(separator: "+")
  }

  /// The same with the only host that is left, where the pod insists on none.
  var submittedSelect: String {
    guard let onlyHost, chunks.allSatisfy({ $0.host == nil }) else { return select }
    return chunks.map { chunk in
      var chunk = chunk
      chunk.host = onlyHost
      return chunk.text
    }.joined(separator: "+")
  }

  /// All that PBS may refuse in it, as one text: jobs that ask for the same are answered alike.
  var request: String {
    let others = resources.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return [
      user, select, walltime.map(String.init), queue, project, account, group,
      priority.map(String.init),
      place, depend, beginTime.map(String.init), "\(isHeld)",
    ].map { $0 ?? "" }.joined(separator: " ") + " " + others.joined(separator: ",")
  }

  static func == (a: JobDescription, b: JobDescription) -> Bool {
    a.name == b.name && a.chunks == b.chunks && a.walltime == b.walltime && a.queue == b.queue
      && a.environment.elementsEqual(b.environment) { $0 == $1 }
      && (a.project, a.account, a.group, a.priority) == (b.project, b.account, b.group, b.priority)
      && (a.place, a.resources, a.isHeld) == (b.place, b.resources, b.isHeld)
      && (a.depend, a.beginTime, a.hasOwnTerms) == (b.depend, b.beginTime, b.hasOwnTerms)
      && (a.user, a.onlyHost) == (b.user, b.onlyHost)
  }
}

extension JobDescription.Chunk {
  var text: String {
    var parts = ["1", "ncpus=\(ncpus)"]
    if let memory { parts.append("mem=\(Self.size(memory))") }
    let resources = others.mapValues { "\($0)" }.merging(words) { own, _ in own }
    parts += resources.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    if let host { parts.append("host=\(host)") }
    return parts.joined(separator: ":")
  }

  /// A PBS size: in mb where that is exact, else in kb, rounded up.
  static func size(_ octets: Int) -> String {
    let kb = octets / 1024 + (octets % 1024 == 0 ? 0 : 1)
    return kb % 1024 == 0 ? "\(kb / 1024)mb" : "\(kb)kb"
  }
}
