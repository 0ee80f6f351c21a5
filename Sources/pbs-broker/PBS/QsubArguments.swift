/// The command line of qsub for a job.
///
/// Whatever of it may come from a pod is checked here: nothing becomes an option, another
/// resource, another variable, or another line of PBS's own texts.
enum QsubArguments {
  /// The most characters of a job's name. (PBS_MAXJOBNAME in pbs_ifl.h.)
  static let nameLimit = 230

  /// The resource in which the proof of submission travels. (docs/hooks.md, "The token".)
  static let tokenResource = "k8s_token"

  /// A command line as it may be logged: without the token.
  static func logged(_ arguments: [String]) -> String {
    arguments.map { $0.hasPrefix("\(tokenResource)=") ? "\(tokenResource)=..." : $0 }
      .joined(separator: " ")
  }

  /// - Parameter placeholder: the program, with arguments, that the job runs.
  /// - Throws: ``PBSError/refused(_:)`` for a part that qsub cannot be given,
  ///   ``PBSError/limit(_:)`` for a queue's name that is none, which is the site's setting.
  static func arguments(
    for job: JobDescription, placeholder: [String]
  ) throws(PBSError) -> [String] {
    try check(job)
    // -f: no background qsub. It would go on submitting when we are dead.
    var arguments = ["-f", "-r", "n", "-N", job.name, "-l", "select=\(job.submittedSelect)"]
    for (name, value) in resources(of: job) { arguments += ["-l", "\(name)=\(value)"] }
    if let queue = job.queue { arguments += ["-q", queue] }
    if let project = job.project { arguments += ["-P", project] }
    if let account = job.account { arguments += ["-A", account] }
    if let priority = job.priority { arguments += ["-p", "\(priority)"] }
    if job.isHeld { arguments.append("-h") }
    if let time = job.beginTime.flatMap(LocalTime.text) { arguments += ["-a", time] }
    if let group = job.group { arguments += ["-W", "group_list=\(group)"] }
    if let depend = job.depend { arguments += ["-W", "depend=\(depend)"] }
    arguments += ["-v", try variables(job.environment)]
    return arguments + ["-o", "/dev/null", "-e", "/dev/null", "--"] + placeholder
  }

  /// Checks what of a job may come from a pod, its variables excepted.
  /// - Throws: as ``arguments(for:placeholder:)``.
  static func check(_ job: JobDescription) throws(PBSError) {
    guard (1...nameLimit).contains(job.name.utf8.count), job.name.utf8.allSatisfy(isOfName) else {
      throw .refused("\"\(shown(job.name))\" cannot be a job's name")
    }
    for chunk in job.chunks {
      for word in Array(chunk.others.keys) + chunk.words.keys + [chunk.host].compactMap(\.self) {
        guard !word.isEmpty, word.utf8.allSatisfy({ isOfName($0) && $0 != UInt8(ascii: "+") })
        else { throw .refused("\"\(shown(word))\" cannot be a host or a resource") }
      }
      for (name, value) in chunk.words { _ = try word(value, name, not: ":+,=") }
    }
    if let queue = job.queue {
      guard !queue.isEmpty, queue.utf8.allSatisfy(isOfName) else {
        throw .limit("\"\(shown(queue))\" cannot be a queue's name")
      }
    }
    for (value, name, separators) in [
      (job.project, "project", ","), (job.account, "account", ","),
      // -W: an equals sign would begin another attribute.
      (job.group, "group", ",=@"), (job.depend, "dependencies", "="),
    ] {
      if let value { _ = try word(value, name, not: separators) }
    }
    for (name, value) in resources(of: job) {
      let isPlace = name == "place"
      _ = try word(name, "resource", not: ",=:")
      _ = try word(value, name, not: isPlace ? "," : ",=")
    }
    if let time = job.beginTime, LocalTime.text(time) == nil {
      throw .refused("\(time) cannot be a time")
    }
  }

  /// What is asked for besides the select, in the order of the command line.
  static func resources(of job: JobDescription) -> [(name: String, value: String)] {
    var items = job.resources.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    if let place = job.place { items.insert((name: "place", value: place), at: 0) }
    if let walltime = job.walltime { items.insert((name: "walltime", value: "\(walltime)"), at: 0) }
    if let token = job.token { items.insert((name: tokenResource, value: token), at: 0) }
    return items
  }

  /// A value that stands alone, or in a list in which `separators` mean something: printable ASCII
  /// without blanks, quotes and backslashes, which qsub's parsers take away.
  private static func word(
    _ text: String, _ what: String, not separators: String
  ) throws(PBSError) -> String {
    guard !text.isEmpty,
      text.utf8.allSatisfy({
        (0x21...0x7E).contains($0) && !"\"'\\".utf8.contains($0) && !separators.utf8.contains($0)
      })
    else { throw .refused("the \(what) cannot be given to qsub: \"\(shown(text))\"") }
    return text
  }

  /// The value of `-v`.
  static func variables(
    _ environment: [(name: String, value: String)]
  ) throws(PBSError) -> String {
    var items: [String] = []
    for (name, value) in environment {
      guard let first = name.utf8.first, !isDigit(first),
        name.utf8.allSatisfy({ isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") })
      else { throw .refused("\"\(shown(name))\" cannot be a variable's name") }
      guard let value = escaped(value) else {
        throw .refused("the value of \(name) cannot be given to qsub: \"\(shown(value))\"")
      }
      items.append("\(name)=\(value)")
    }
    return items.joined(separator: ",")
  }

  /// A value as it is to stand in `-v`, so that the job's environment has it unchanged; nil when
  /// qsub has no way for that.
  ///
  /// As seen on OpenPBS 23.06.06: a comma needs a backslash before it. A backslash anywhere else is
  /// doubled twice on its way, a quote begins or ends a quoted part whatever stands before it, and
  /// blanks at the end are lost. Control characters arrive, but what prints a job prints them too.
  static func escaped(_ value: String) -> String? {
    // As nearly all are.
    let isPlain = value.utf8.allSatisfy {
      (0x20...0x7E).contains($0) && !"\\\"',".utf8.contains($0)
    }
    if isPlain { return value.utf8.last == UInt8(ascii: " ") ? nil : value }
    let isForbidden: (Unicode.Scalar) -> Bool = { scalar in
      scalar.properties.generalCategory == .control || "\\\"'".unicodeScalars.contains(scalar)
    }
    guard !value.unicodeScalars.contains(where: isForbidden), value.utf8.last != UInt8(ascii: " ")
    else { return nil }
    // By scalars: with a combining mark after it, a comma is part of another Character.
    var escaped = String.UnicodeScalarView()
    for scalar in value.unicodeScalars {
      if scalar == "," { escaped.append("\\") }
      escaped.append(scalar)
    }
    return String(escaped)
  }

  /// Text of which nobody knows what is in it, as it may stand in a message.
  private static func shown(_ text: String) -> String {
    let scalars = text.unicodeScalars.prefix(100)
    return scalars.map { $0.escaped(asASCII: true) }.joined()
  }

  private static func isDigit(_ octet: UInt8) -> Bool { (0x30...0x39).contains(octet) }

  private static func isLetter(_ octet: UInt8) -> Bool { (0x41...0x5A).contains(octet & 0xDF) }

  /// Letters, digits and "+-._", which PBS allows in a job's name.
  private static func isOfName(_ octet: UInt8) -> Bool {
    isLetter(octet) || isDigit(octet) || "+-._".utf8.contains(octet)
  }
}
