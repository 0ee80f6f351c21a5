import Shared

/// Whether a job is what its pod needs: PBS's side may have altered it since it was submitted
/// (`qalter -l select`), and so may the pod (an in-place resize).
enum JobFit {
  /// What a started job lacks; nil when it has all that its pod needs, or more.
  /// - Parameters:
  ///   - job: with what PBS gave it (exec_vnode); one of which that is not known lacks nothing.
  ///   - needs: the pod's chunk.
  ///   - nodeOf: PBS host to node.
  static func lack(
    of job: Job, for needs: JobDescription.Chunk, nodeOf: (String) -> String?
  ) -> String? {
    guard !job.chunks.isEmpty else { return nil }
    if let host = needs.host, let given = job.host, nodeOf(host) != nodeOf(given) {
      return "it runs on \(given), and its pod needs \(host)"
    }
    for (name, wanted, text) in wanted(needs) {
      let given = job.chunks.reduce(0) { $0 + (amount($1.resources[name] ?? "0") ?? 0) }
      guard given < wanted else { continue }
      let had = job.chunks.compactMap { $0.resources[name] }.joined(separator: " + ")
      return "it has \(name)=\(had.isEmpty ? "0" : had), and its pod needs \(text)"
    }
    return nil
  }

  /// What a job that waits asks for otherwise than its pod needs now; nil when it is the same.
  /// - Parameters:
  ///   - select: the job's, as PBS tells it; it may hold more than we asked for (a site's hooks).
  ///   - mayHaveMore: whether a job that asks for more will do.
  static func difference(
    of select: String, from needs: JobDescription.Chunk, mayHaveMore: Bool
  ) -> String? {
    guard !select.contains("+") else { return "it asks for several chunks: \(select)" }
    var asked: [Substring: Substring] = [:]
    for part in select.split(separator: ":") {
      let pair = part.split(separator: "=", maxSplits: 1)
      if pair.count == 2 { asked[pair[0]] = pair[1] }
    }
    if let host = needs.host, asked["host"].map(String.init) != host {
      return "it asks for host \(asked["host"] ?? "any"), and its pod needs \(host)"
    }
    for (name, wanted, text) in wanted(needs) {
      let has = asked[Substring(name)].flatMap { amount(String($0)) } ?? 0
      if has < wanted || (has > wanted && !mayHaveMore) {
        return "it asks for \(name)=\(asked[Substring(name)] ?? "0"), and its pod needs \(text)"
      }
    }
    return nil
  }

  /// What a chunk asks for: name, amount (octets for memory), text; in a fixed order.
  private static func wanted(
    _ chunk: JobDescription.Chunk
  ) -> [(String, Int, String)] {
    var wanted = [("ncpus", chunk.ncpus, "\(chunk.ncpus)")]
    if let memory = chunk.memory {
      // In kb, as PBS counts: a size that it rounded is not less.
      let kb = memory / 1024 + (memory % 1024 == 0 ? 0 : 1)
      wanted.append(("mem", kb.multipliedReportingOverflow(by: 1024).partialValue, "\(kb)kb"))
    }
    for (name, count) in chunk.others.sorted(by: { $0.key < $1.key }) {
      wanted.append((name, count, "\(count)"))
    }
    return wanted
  }

  /// A PBS number or size in octets ("2", "655360kb", "1gb", "8mw"); nil when it is neither.
  /// (PBS Professional Reference Guide, "Resource Formats": a word has 8 octets.)
  static func amount(_ text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int(digits) else { return nil }
    let units: [Substring: Int] = [
      "": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40, "pb": 1 << 50,
      "w": 8, "kw": 8 << 10, "mw": 8 << 20, "gw": 8 << 30, "tw": 8 << 40, "pw": 8 << 50,
    ]
    guard let unit = units[Substring(text.dropFirst(digits.count).lowercased())] else { return nil }
    let (amount, overflow) = number.multipliedReportingOverflow(by: unit)
    return overflow ? Int.max : amount
  }
}
