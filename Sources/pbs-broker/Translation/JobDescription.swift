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
  }

  /// The text of `-l select=`. (PBS Professional User's Guide, "Requesting Resources".)
  var select: String {
    chunks.map(\.text).joined(separator: "+")
  }

  static func == (a: JobDescription, b: JobDescription) -> Bool {
    a.name == b.name && a.chunks == b.chunks && a.walltime == b.walltime && a.queue == b.queue
      && a.environment.elementsEqual(b.environment) { $0 == $1 }
  }
}

extension JobDescription.Chunk {
  var text: String {
    var parts = ["1", "ncpus=\(ncpus)"]
    if let memory { parts.append("mem=\(Self.size(memory))") }
    for (name, count) in others.sorted(by: { $0.key < $1.key }) { parts.append("\(name)=\(count)") }
    if let host { parts.append("host=\(host)") }
    return parts.joined(separator: ":")
  }

  /// A PBS size: in mb where that is exact, else in kb, rounded up.
  static func size(_ octets: Int) -> String {
    let kb = octets / 1024 + (octets % 1024 == 0 ? 0 : 1)
    return kb % 1024 == 0 ? "\(kb / 1024)mb" : "\(kb)kb"
  }
}
