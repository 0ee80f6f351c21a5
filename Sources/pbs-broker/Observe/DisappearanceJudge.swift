import Logging
import Shared

/// Whether jobs that PBS does not know have ended: of few at once it is believed, of many only when
/// further polls agree. Jobs that were ours beyond doubt, and jobs that only a pod's annotation
/// names, are judged apart: whoever may write annotations cannot keep the ends of others' jobs from
/// being believed.
@EventLoop
struct DisappearanceJudge {
  private var known: VanishGuard
  private var named: VanishGuard
  private let interval: Double
  private let log: Logger

  init(settings: BrokerSettings, log: Logger) {
    known = VanishGuard(
      share: settings.vanishShare, least: settings.vanishLeast, interval: settings.vanishInterval)
    named = known
    interval = settings.vanishInterval
    self.log = log
  }

  /// Whether a mass disappearance of jobs that were ours is being doubted now.
  var isDoubting: Bool { known.isDoubting }

  /// - Returns: those of the vanished jobs, which were on hosts before, whose end is believed.
  mutating func believed(_ vanished: Set<String>, of total: Int, now: Double) -> Set<String> {
    let wasDoubting = known.isDoubting
    let believed = known.believed(vanished, of: total, now: now)
    if known.isDoubting, !wasDoubting {
      say("\(vanished.count) of \(total) running jobs have vanished from PBS at once")
    }
    return believed
  }

  /// - Returns: those of the jobs that bound pods name, and that are not there, whose end is
  ///   believed.
  mutating func believedMissing(_ missing: Set<String>, of total: Int, now: Double) -> Set<String> {
    let wasDoubting = named.isDoubting
    let believed = named.believed(missing, of: total, now: now)
    if named.isDoubting, !wasDoubting {
      say("PBS does not know \(missing.count) of \(total) jobs that bound pods name")
    }
    return believed
  }

  private func say(_ what: String) {
    log.error(
      "\(what): no pod is deleted until two further polls, \(Int(interval)) s apart, agree")
  }
}
