import FoundationEssentials
import Kubernetes
import Text

/// A value that PBS would not take as it is meant, in words that follow the key.
struct OptionError: Error, Equatable {
  let words: String
  init(_ words: String) { self.words = words }

  /// The value that is wrong, and what it should be.
  init(_ value: String, isNot what: String) {
    words = "\(PlainText.quoted(value)) is not \(what)"
  }
}

/// Reads the values of options. Each is one word for PBS: nothing in it can begin another option,
/// resource, chunk or line.
///
/// Sources: qsub(1B), pbs_resources(7B), pbs_job_attributes(7B); limits of pbs_ifl.h.
enum OptionValue {
  /// A queue: letters, digits, "_" and "-", beginning with a letter or a digit.
  /// (pbs_verify_object_name() of Libecl, which also has a limit, 15: that is left to PBS.)
  static func queue(_ text: String) throws(OptionError) -> String {
    try word(text, "a queue's name", also: "_-", longest: 64, firstIsLetterOrDigit: true)
  }

  /// A project: PBS forbids / [ ] " ; : | < > + , ? * in it; more is forbidden here.
  static func project(_ text: String) throws(OptionError) -> String {
    try word(text, "a project's name", also: "._-@#%~=", longest: 256)
  }

  static func account(_ text: String) throws(OptionError) -> String {
    try word(text, "an account's name", also: "._-@#%~:/+=", longest: 256)
  }

  /// The name of a group; PBS's form with a host ("group@host") is not for pods. (PBS_MAXGRPN.)
  static func group(_ text: String) throws(OptionError) -> String {
    try word(text, "a group's name", also: "._-", longest: 256)
  }

  /// A job's name. (check_job_name() of Libcmds; PBS_MAXJOBNAME.)
  static func jobName(_ text: String) throws(OptionError) -> String {
    try word(text, "a job's name", also: "+-._", longest: 230)
  }

  /// A reservation's id, "R12", perhaps with its server; gives the name of its queue.
  /// (pbs_rsub(1B): R for advance, S for standing, M for maintenance reservations.)
  static func reservation(_ text: String) throws(OptionError) -> String {
    let name = text.prefix { $0 != "." }
    let server = text.dropFirst(name.count)
    guard let first = name.utf8.first, "RSM".utf8.contains(first), name.utf8.count <= 13,
      name.utf8.count > 1, name.utf8.dropFirst().allSatisfy(isDigit),
      server.isEmpty || (server.utf8.count > 1 && isWord(server, also: ".-"))
    else { throw OptionError(text, isNot: "a reservation's id (R12)") }
    return String(name)
  }

  /// (verify_value_priority() of Libecl.)
  static func priority(_ text: String) throws(OptionError) -> Int {
    guard let number = Int(text), (-1024...1023).contains(number) else {
      throw OptionError(text, isNot: "a whole number from -1024 to 1023")
    }
    return number
  }

  static func hold(_ text: String) throws(OptionError) -> Bool {
    switch text {
    case "true", "u": return true
    case "false", "n": return false
    default: throw OptionError(text, isNot: "true or false")
    }
  }

  /// A place, each part at most once, in PBS's spelling. (decode_place() of the server.)
  static func place(_ text: String) throws(OptionError) -> String {
    let error = OptionError(
      text,
      isNot: "a place: free, pack, scatter or vscatter; excl, exclhost or shared; group=RESOURCE")
    var seen: Set<String> = []
    for part in text.split(separator: ":", omittingEmptySubsequences: false) {
      let kind: String
      switch part {
      case "free", "pack", "scatter", "vscatter": kind = "arrangement"
      case "excl", "exclhost", "shared": kind = "sharing"
      default:
        guard part.hasPrefix("group="), isResource(part.dropFirst(6)) else { throw error }
        kind = "grouping"
      }
      guard seen.insert(kind).inserted else { throw error }
    }
    return text
  }

  // MARK: Times

  /// Seconds, at least 1: "90", "01:30:00", or a duration as Kubernetes has them, "1h30m", "1.5h".
  /// (decode_time() of the server; metav1.Duration.)
  static func walltime(_ text: String) throws(OptionError) -> Int {
    let seconds: Int?
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if text.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ":") }) {
      seconds = parts.count == 1 || parts.count == 3 ? clock(parts) : nil
    } else {
      seconds = duration(text)
    }
    guard let seconds, (1...PodTranslation.walltimeLimit).contains(seconds) else {
      throw OptionError(text, isNot: "a walltime (HH:MM:SS, seconds, or 1h30m)")
    }
    return seconds
  }

  private static func clock(_ parts: [Substring]) -> Int? {
    var sum = 0
    for part in parts {
      guard let number = Int(part), number <= PodTranslation.walltimeLimit else { return nil }
      sum = sum * 60 + number
    }
    return sum
  }

  /// Rounded up to whole seconds.
  private static func duration(_ text: String) -> Int? {
    // Longest first: "ms" is no "m" with something after it.
    let units: [(String, Int)] = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
    var rest = text[...]
    var milliseconds = 0.0
    repeat {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      guard digits.utf8.first.map(isDigit) == true, let number = Double(digits) else { return nil }
      rest = rest.dropFirst(digits.count)
      guard let (unit, size) = units.first(where: { rest.hasPrefix($0.0) }) else { return nil }
      rest = rest.dropFirst(unit.count)
      milliseconds += number * Double(size)
    } while !rest.isEmpty
    let seconds = (milliseconds / 1000).rounded(.up)
    return seconds <= Double(PodTranslation.walltimeLimit) ? Int(seconds) : nil
  }

  /// Seconds since 1970: RFC 3339, or "CCYYMMDDhhmm" with perhaps ".SS", in local time. PBS's
  /// shorter forms mean another moment each time that they are read. (cvtdate() of Libcmds.)
  static func beginTime(_ text: String) throws(OptionError) -> Int {
    let error = OptionError(text, isNot: "a time (2027-01-31T08:00:00Z, or CCYYMMDDhhmm)")
    let last = 253_402_300_799.0  // the end of the year 9999
    if let date = Timestamp.parse(text), (0...last).contains(date.timeIntervalSince1970) {
      return Int(date.timeIntervalSince1970)
    }
    guard let seconds = LocalTime.seconds(text) else { throw error }
    return seconds
  }

  // MARK: Lists of resources

  /// "mpiprocs=4:model=a100", by name in small letters: PBS makes no difference.
  static func chunkResources(_ text: String) throws(OptionError) -> [String: String] {
    try resources(text, separator: ":")
  }

  /// "software=matlab,lic=2", by name; a value may be a time, with colons.
  static func jobResources(_ text: String) throws(OptionError) -> [String: String] {
    try resources(text, separator: ",")
  }

  private static func resources(
    _ text: String, separator: Character
  ) throws(OptionError) -> [String: String] {
    var resources: [String: String] = [:]
    for item in text.split(separator: separator, omittingEmptySubsequences: false) {
      let sign = item.firstIndex(of: "=") ?? item.endIndex
      let name = item[..<sign].lowercased()
      let value = item[sign...].dropFirst()
      // Where commas separate, a value may be a time.
      let plain = separator == "," ? value.filter { $0 != ":" } : String(value)
      guard isResource(name[...]), isResourceValue(plain), value.utf8.count <= 256
      else { throw OptionError(String(item), isNot: "NAME=VALUE of a resource") }
      guard resources.updateValue(String(value), forKey: name) == nil else {
        throw OptionError("names \(name) twice")
      }
    }
    return resources
  }

  /// A value of a chunk's resource.
  static func isResourceValue(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 256 && isWord(text[...], also: "._@/-")
  }

  /// The name of a resource: letters, digits, "_" and "-", beginning with a letter.
  /// (verify_resc_name() of Libutil.)
  static func isResource(_ name: Substring) -> Bool {
    guard let first = name.utf8.first, isLetter(first), name.utf8.count <= 64 else { return false }
    return isWord(name, also: "_-")
  }

  // MARK: Words

  private static func word(
    _ text: String, _ what: String, also: String, longest: Int, firstIsLetterOrDigit: Bool = false
  ) throws(OptionError) -> String {
    guard !text.isEmpty, text.utf8.count <= longest, isWord(text[...], also: also),
      !firstIsLetterOrDigit || text.utf8.first.map({ isLetter($0) || isDigit($0) }) == true
    else { throw OptionError(text, isNot: what) }
    return text
  }

  /// Letters, digits and some others.
  private static func isWord(_ text: Substring, also: String) -> Bool {
    text.utf8.allSatisfy { isLetter($0) || isDigit($0) || also.utf8.contains($0) }
  }

  private static func isDigit(_ octet: UInt8) -> Bool { (0x30...0x39).contains(octet) }

  private static func isLetter(_ octet: UInt8) -> Bool { (0x41...0x5A).contains(octet & 0xDF) }
}
