@testable import Runtime
@testable import pbs_broker

/// What brokers and administrators change of jobs.
extension SimulatedPBS {
  /// qalter, qhold, qrls, qmove, as a broker.
  func change(_ id: String, _ change: JobChange) throws(PBSError) {
    guard let entry = entries[id], !entry.job.hasEnded || change == .deleteMoved else {
      throw .refused("Unknown Job Id")
    }
    guard entry.job.isWaiting || change == .deleteMoved else {
      throw .busy("Request invalid for state of job")
    }
    switch change {
    case .alter(let attributes):
      edit(id) { entry in for attribute in attributes { Self.alter(&entry, attribute) } }
    case .move(let queue): edit(id) { $0.terms.values[JobTerms.queue] = queue }
    case .hold: hold(id, "u")
    case .release: release(id, "u")
    case .deleteMoved: forget(id)
    }
    cycleSoon()
  }

  private static func alter(_ entry: inout Entry, _ attribute: JobAttribute) {
    let name = attribute.resource.map { JobTerms.resourcePrefix + $0 } ?? attribute.name
    entry.terms.values[name] = attribute.value.isEmpty ? nil : attribute.value
    if name == JobTerms.select { setSelect(&entry, attribute.value) }
  }

  private static func setSelect(_ entry: inout Entry, _ select: String) {
    entry.job.select = select
    entry.cpus = cpus(of: select) ?? entry.cpus
  }

  /// How many CPUs a select asks for.
  static func cpus(of select: String) -> Int? {
    select.split(separator: ":").first { $0.hasPrefix("ncpus=") }.flatMap { Int($0.dropFirst(6)) }
  }

  /// An administrator's qalter of a job that waits.
  func alter(_ id: String, cpus: Int) {
    guard entries[id]?.job.isWaiting == true else { return }
    run.history.note("pbs: job \(id) is altered to \(cpus) cpus")
    edit(id) { entry in
      let parts = (entry.job.select ?? "1").split(separator: ":").filter {
        !$0.hasPrefix("ncpus=")
      }
      let select = (parts + ["ncpus=\(cpus)"]).joined(separator: ":")
      entry.terms.values[JobTerms.select] = select
      Self.setSelect(&entry, select)
      entry.isAltered = true
    }
    cycleSoon()
  }

  func hold(_ id: String, _ type: String) {
    guard let entry = entries[id], entry.job.isWaiting else { return }
    run.history.note("pbs: job \(id) is held (\(type))")
    edit(id) {
      $0.job.state = .held
      $0.job.holdTypes = Self.holds($0).union([type]).sorted().joined()
      if type == "u" { $0.terms.values[JobTerms.hold] = "u" }
    }
  }

  func release(_ id: String, _ type: String) {
    guard entries[id]?.job.state == .held else { return }
    edit(id) {
      let holds = Self.holds($0).subtracting([type])
      $0.job.holdTypes = holds.isEmpty ? "n" : holds.sorted().joined()
      if holds.isEmpty { $0.job.state = .queued }
      if type == "u" { $0.terms.values[JobTerms.hold] = nil }
    }
    cycleSoon()
  }

  private static func holds(_ entry: Entry) -> Set<String> {
    Set((entry.job.holdTypes ?? "").map { String($0) }).subtracting(["n"])
  }

  /// A job is moved to another server.
  func move(_ id: String) {
    guard let entry = entries[id], entry.job.isWaiting else { return }
    run.history.note("pbs: job \(id) is moved to another server")
    edit(id) { $0.job.state = .moved }
  }
}
