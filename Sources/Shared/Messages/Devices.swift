/// The devices that PBS gave to a job, by the names that their driver knows: "GPU-5a2b7c11-...", or
/// PBS's own ("nvidia0") where it tells no others.
public enum Devices {
  /// The most octets of a list, far more than a host's devices take.
  static let limit = 4096

  /// From the variable ``WellKnown/jobDevices`` of a job: "kind=name+name;kind=name".
  /// - Returns: names with commas between them; nil where the job has none, or they are none.
  public static func names(in variable: String?) -> String? {
    guard let variable else { return nil }
    let kinds = variable.split(separator: ";").map { $0.split(separator: "=", maxSplits: 1) }
    for kind in ["gpus", "devices"] {
      guard let found = kinds.first(where: { $0.count == 2 && $0[0] == kind }) else { continue }
      let names = found[1].split(separator: "+").joined(separator: ",")
      return areNames(names) ? names : nil
    }
    return nil
  }

  /// Whether text is a list of names: they go into the environment of a container.
  static func areNames(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= limit
      && text.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "._:/,-".utf8.contains($0)
        }
      }
  }
}
