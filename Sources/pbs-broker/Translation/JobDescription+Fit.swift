/// Whether what a job asks for, or was given, is what its pod needs now: the pod may have been
/// resized, or the job altered.
extension JobDescription {
  enum Fit: Sendable, Equatable {
    case exactly
    /// Nothing is missing, but something is more than is needed.
    case more
    /// Too little, or elsewhere: in words, sorted, for the pod's owner ("ncpus=1 instead of 4").
    case less(String)
  }

  /// Compares with the select of a job (`Resource_List.select`). Only amounts that this
  /// description has count, and the host: a site's hooks may add others, and write words anew.
  func fit(select text: String) -> Fit {
    guard let select = PBSSelect(text) else { return .less("select=\(text.prefix(100))") }
    guard select.chunks.count == chunks.count else {
      return .less("\(select.chunks.count) chunks instead of \(chunks.count)")
    }
    var comparison = Comparison()
    for (needed, found) in zip(chunks, select.chunks) {
      for (name, amount) in needed.amounts {
        comparison.take(name, found[name].flatMap(PBSSelect.amount) ?? 0, instead: amount)
      }
      if let host = needed.host, found["host"]?.lowercased() != host.lowercased() {
        comparison.lacks.append("host=\(found["host"] ?? "") instead of \(host)")
      }
    }
    return comparison.fit
  }

  /// Compares with what PBS gave to a job of one chunk, vnode by vnode (`exec_vnode`). What PBS
  /// does not tell of, except ncpus, it may not manage: that does not count.
  func fit(allocated: [Job.AllocatedChunk], on hostMap: HostMap) -> Fit {
    guard let needed = chunks.first, chunks.count == 1 else { return .exactly }
    var comparison = Comparison()
    for (name, amount) in needed.amounts {
      let found = allocated.compactMap { $0.resources[name].flatMap(PBSSelect.amount) }
      if found.isEmpty, name != "ncpus" { continue }
      let sum = found.reduce(0) { sum, next in
        let (result, overflow) = sum.addingReportingOverflow(next)
        return overflow ? .max : result
      }
      comparison.take(name, sum, instead: amount)
    }
    let hosts = Set(allocated.map { hostMap.hostName($0.vnode) })
    if let host = needed.host, hosts != [hostMap.hostName(host)] {
      comparison.lacks.append("host=\(hosts.sorted().joined(separator: ",")) instead of \(host)")
    } else if hosts.count > 1 {
      comparison.lacks.append("\(hosts.count) hosts instead of 1")
    }
    return comparison.fit
  }

  private struct Comparison {
    var lacks: [String] = []
    var hasMore = false

    mutating func take(_ name: String, _ found: Int, instead needed: Int) {
      let text = { name == "mem" ? JobDescription.Chunk.size($0) : "\($0)" }
      if found < needed { lacks.append("\(name)=\(text(found)) instead of \(text(needed))") }
      if found > needed { hasMore = true }
    }

    var fit: Fit {
      if !lacks.isEmpty { return .less(lacks.sorted().joined(separator: ", ")) }
      return hasMore ? .more : .exactly
    }
  }
}

extension JobDescription.Chunk {
  /// Numbers by PBS's names; memory in octets, as ``text`` rounds them.
  fileprivate var amounts: [String: Int] {
    var amounts = others
    amounts["ncpus"] = ncpus
    if let memory { amounts["mem"] = PBSSelect.amount(Self.size(memory)) ?? memory }
    return amounts
  }
}
