import ConnectorMetrics
import Kubernetes
import Logging
import Runtime
import Wire

/// Tells of hosts that do not agree with their nodes, while that lasts: in the log, by a metric, and
/// by Events on the nodes. And it knows how long PBS's queues let a job's end take.
@EventLoop
final class HostWatch {
  /// Series of the metric at the most; a registry takes 1000.
  nonisolated static let most = 900

  private let backend: any PBSBackend
  let notes: NodeNotes
  private let clock: any Clock
  private let log: Logger
  private var news = CapacityNews()
  private var isLooking = false
  /// What was found last, while no binder has heard of it.
  private var untold: [HostReport]?
  /// What was found last, by host, finding and severity.
  private(set) var findings: [[String]: Double] = [:]
  /// What PBS's queues have said last.
  private(set) var delays = KillDelays([])

  init(backend: any PBSBackend, publisher: Publisher, clock: any Clock, log: Logger) {
    self.backend = backend
    notes = NodeNotes(publisher: publisher)
    self.clock = clock
    self.log = log
  }

  /// Whether it is time to compare all hosts. Asking for it starts the next interval.
  func isDue() -> Bool { news.isDue(now: clock.now) }

  /// Tells what is new.
  func tell(_ reports: [HostReport], nodes: [String: Node]) {
    for line in news.lines(of: reports) {
      log.log(level: line.isWarning ? .warning : .notice, "\(line.text)")
    }
    findings = Self.counted(reports)
    untold = reports
    tellNodes(nodes)
  }

  /// Tells binders of what was found last, as soon as there is one that hears it.
  func tellNodes(_ nodes: [String: Node]) {
    guard let reports = untold, notes.isHeard else { return }
    untold = nil
    notes.tell(reports, nodes: nodes, now: clock.now)
  }

  /// Asks PBS for its queues, unless it is being asked.
  func askForQueues() {
    guard !isLooking else { return }
    isLooking = true
    Task { @EventLoop in
      defer { isLooking = false }
      do throws(PBSError) {
        delays = KillDelays(try await backend.queues())
      } catch {
        log.debug("PBS's queues cannot be listed: \(error)")
      }
    }
  }

  /// How many findings there are of each kind, by host. Where they are too many, those count first that
  /// are wrong.
  nonisolated static func counted(_ reports: [HostReport]) -> [[String]: Double] {
    var counts: [[String]: Double] = [:]
    for isWrong in [true, false] {
      for report in reports {
        guard let host = report.host else { continue }
        for finding in report.findings where finding.isWrong == isWrong {
          let labels = [host, finding.kind.rawValue, isWrong ? "wrong" : "note"]
          guard counts[labels] != nil || counts.count < most else { continue }
          counts[labels, default: 0] += 1
        }
      }
    }
    return counts
  }
}
