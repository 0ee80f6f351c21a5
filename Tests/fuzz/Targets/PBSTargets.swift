import FoundationEssentials
import Messages

@testable import pbs_broker

/// The output of `qstat -f -w` and of `pbsnodes -av`. The first octet says where it is cut off.
func readQstat(_ octets: UnsafeRawBufferPointer) {
  guard let first = octets.first else { return }
  let output = Data(octets.dropFirst())
  let cut = Data(output.prefix(output.count * Int(first) / 255))
  for prefix in ["Job Id: ", ""] {
    let objects = PBSText.parse(output, prefix: prefix)
    for (part, whole) in zip(PBSText.parse(cut, prefix: prefix), objects) where part.isWhole {
      // Whole is what nothing more can be said about.
      precondition(part.name == whole.name, "a cut changes a job's name")
      for (name, value) in part.attributes {
        precondition(whole.attributes[name] == value, "of \(name) a part is taken for all")
      }
    }
    for object in objects {
      guard let job = Job(object) else { continue }
      _ = (job.host, job.sequence, job.hasEnded, job.isSuspended)
      checkOwnership(job)
    }
  }
  // Nobody speaks for a job but an answer that was asked for it, and of two answers neither.
  let names = PBSText.parse(output, prefix: "Job Id: ").map(\.name)
  let asked = Set(names.prefix(2))
  let answer = QstatAnswer(output, asked: asked)
  precondition(answer.told.isSubset(of: asked), "a job that was not asked for")
  for job in answer.jobs {
    precondition(names.count { $0 == job.id } == 1, "one of two answers was believed")
  }
  _ = JobTable(output)
}

/// Whatever the text says, a job is ours only by its owner, or by what PBS's server vouches for.
private func checkOwnership(_ told: Job) {
  let cluster = Cluster(id: "c-1", schedulerNames: ["pbs"])
  if JobOwnership.of(told, user: "pbs-broker", cluster: cluster) == .ours {
    precondition(told.isOwned(by: "pbs-broker") && told.cluster == "c-1", "another's: \(told)")
  }
  let job = told.believed(by: .required)
  if JobOwnership.of(job, user: "pbs-broker", reliance: .required, cluster: cluster) == .ours {
    precondition(told.proof?.hasPrefix("c-1/") == true, "without proof: \(told)")
    precondition(told.proof == "c-1/\(job.pod?.uid ?? "")/\(job.pod?.fullName ?? "")", "\(told)")
  }
}

/// The text of exec_vnode, and a value for `qsub -v`, which must not become another variable.
func readPBSValues(_ octets: UnsafeRawBufferPointer) {
  let text = String(decoding: octets, as: UTF8.self)
  _ = Job.allocatedChunks(text)
  guard let value = QsubArguments.escaped(text) else { return }
  var list = "A=\(value),B=2"
  var items: [String] = []
  list.withUTF8 {
    VariableList.forEach(UnsafeRawBufferPointer($0)) {
      items += [String(flat: $0), String(flat: $1)]
    }
  }
  precondition(items == ["A", text, "B", "2"], "a value became something else")
}

/// The output of `qsub` and of `qselect`. Ids go into command lines and are compared.
func readJobIDs(_ octets: UnsafeRawBufferPointer) {
  let output = Data(octets)
  let submitted = PBSText.submittedJob(output)
  let listed = PBSText.listedJobs(output)
  for id in [submitted?.description].compactMap(\.self) + (listed ?? []) {
    precondition(id.first?.isNumber == true && !id.contains("\n"), "not a job's id: \(id)")
  }
  // What is cut off is never taken for all.
  precondition(output.last == 0x0A || submitted == nil, "a part of an id")
  precondition(output.isEmpty || output.last == 0x0A || listed == nil, "a part of a list")
}
