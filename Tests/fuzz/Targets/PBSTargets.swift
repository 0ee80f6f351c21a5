import FoundationEssentials

@testable import Shared
@testable import pbs_broker

/// The output of `qstat -f` and of `pbsnodes -a`. The first octet says where it is cut off.
func readQstat(_ octets: UnsafeRawBufferPointer) {
  guard let first = octets.first else { return }
  let output = Data(octets.dropFirst())
  let cut = Data(output.prefix(output.count * Int(first) / 255))
  for prefix in ["Job Id: ", ""] {
    let objects = PBSText.parse(output, prefix: prefix)
    for (part, whole) in zip(PBSText.parse(cut, prefix: prefix), objects) where part.isWhole {
      // Whole is what nothing more can be said about; a later attribute may still be added.
      precondition(part.name == whole.name, "a cut changes a job's name")
      for (name, value) in part.attributes {
        precondition(whole.attributes[name] == value, "of \(name) a part is taken for all")
      }
    }
    for object in objects {
      _ = object.list("Variable_List")
      guard let job = Job(object) else { continue }
      _ = (job.host, job.sequence, job.hasEnded, job.isSuspended)
    }
  }
}

/// The output of `qsub` and of `qselect`. Ids go into command lines and are compared.
func readJobIDs(_ octets: UnsafeRawBufferPointer) {
  let output = Data(octets)
  let submitted = PBSText.submittedJob(output)
  let listed = PBSText.listedJobs(output)
  for id in [submitted].compactMap(\.self) + (listed ?? []) {
    precondition(id.first?.isNumber == true && !id.contains("\n"), "not a job's id: \(id)")
  }
  // What is cut off is never taken for all.
  precondition(output.last == 0x0A || submitted == nil, "a part of an id")
  precondition(output.isEmpty || output.last == 0x0A || listed == nil, "a part of a list")
}
