import Text

/// Reports as lines for a terminal.
struct DoctorTable {
  var reports: [HostReport]
  /// What is not about one host.
  var others: [HostReport.Finding] = []

  /// Whether something is wrong, not only worth a note.
  var isWrong: Bool { reports.contains(where: \.isWrong) || others.contains(where: \.isWrong) }

  var lines: [String] {
    let rows =
      [["HOST", "NODE", "CPUS PBS/NODE", "MEMORY PBS/NODE", "STATUS"]]
      + reports.map { report in
        [
          report.host ?? "-", report.node ?? "-",
          "\(report.cpus.pbs ?? "-")/\(report.cpus.node ?? "-")",
          "\(report.memory.pbs ?? "-")/\(report.memory.node ?? "-")",
          report.isWrong ? "wrong" : report.findings.isEmpty ? "ok" : "note",
        ]
      }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    var lines = rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
        .joined(separator: "  ").trimmingWhitespace()
    }
    let all =
      reports.flatMap { report in report.findings.map { (report.name + " ", $0) } }
      + others.map { ("", $0) }
    if !all.isEmpty { lines.append("") }
    for (name, finding) in all {
      lines.append("\(finding.isWrong ? "wrong" : "note"): \(name)\(finding.words)")
      if let cure = finding.cure { lines.append("    \(cure)") }
    }
    return lines
  }
}
