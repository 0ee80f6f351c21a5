import FoundationEssentials
import Shared

/// The output of the commands that print nothing but job ids.
extension PBSText {
  /// The id that `qsub` printed; nil when it printed something else.
  static func submittedJob(_ output: Data) -> String? {
    let id = String(decoding: output, as: UTF8.self).trimmingWhitespace()
    // A line that was cut off may look like an id, of which qstat then complains for ever.
    guard id.first?.isNumber == true, !id.contains(where: \.isWhitespace), output.last == 0x0A
    else { return nil }
    return id
  }

  /// The ids that `qselect` printed, one a line; nil when it printed something else.
  static func listedJobs(_ output: Data) -> Set<String>? {
    let lines = output.split(separator: 0x0A)
    let isDigit: (UInt8) -> Bool = { (0x30...0x39).contains($0) }
    guard lines.allSatisfy({ isDigit($0[$0.startIndex]) }), output.isEmpty || output.last == 0x0A
    else { return nil }
    return Set(lines.map { String(decoding: $0, as: UTF8.self) })
  }
}
