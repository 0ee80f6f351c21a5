import FoundationEssentials

/// Whose a Lease is: a process's name, and which running kernel it is of. Two hosts that were given
/// one name by mistake do not both take the Lease for theirs; a process that starts again on its host
/// has it back at once.
enum LeaseIdentity {
  /// A number that each start of a kernel draws. (random(4).)
  private static let bootFile = "/proc/sys/kernel/random/boot_id"

  /// "watcher-1_6f1e2d3c".
  static func of(_ instance: String, boot: String? = readBoot()) -> String {
    // Where the kernel does not tell, no other process has this one's name.
    "\(instance)_\((boot ?? UUID().uuidString.lowercased()).prefix(8))"
  }

  /// The process's name alone, for people.
  static func name(_ identity: String) -> String {
    identity.lastIndex(of: "_").map { String(identity[..<$0]) } ?? identity
  }

  private static func readBoot() -> String? {
    guard let data = FileManager.default.contents(atPath: bootFile) else { return nil }
    let text = String(decoding: data, as: UTF8.self).prefix { $0.isHexDigit || $0 == "-" }
    return text.count >= 8 ? String(text) : nil
  }
}
