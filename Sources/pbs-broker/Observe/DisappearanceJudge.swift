import Logging
import Runtime

/// A job that may be lost. PBS may give its number again, and lose that job, too: then the pod tells
/// the two apart.
struct LostJob: Hashable, Sendable {
  var id: String
  /// UID of its pod.
  var pod: String
}

/// Whether jobs that PBS does not know have ended: of few at once it is believed, of many only when
/// further polls agree. Jobs that were ours beyond doubt, and jobs that a Binding's annotation
/// names since this broker has just started, are counted together: of a mass disappearance each
/// kind alone may look like single ends. What a pod's owner has written is not among them.
@EventLoop
struct DisappearanceJudge {
  private var vanishGuard: VanishGuard<LostJob>
  private let interval: Double
  private let log: Logger

  init(settings: BrokerSettings, log: Logger) {
    vanishGuard = VanishGuard(
      share: settings.vanishShare, least: settings.vanishLeast, interval: settings.vanishInterval)
    interval = settings.vanishInterval
    self.log = log
  }

  /// Whether a mass disappearance is being doubted now.
  var isDoubting: Bool { vanishGuard.isDoubting }
  /// The jobs whose disappearance is doubted.
  var doubted: Set<LostJob> { vanishGuard.doubted }

  /// - Parameters:
  ///   - vanished: jobs that were on hosts, or that bound pods name, and that PBS does not know.
  ///   - untold: such jobs of which PBS has said nothing clear.
  ///   - total: all such jobs.
  /// - Returns: those whose end is believed.
  mutating func believed(
    _ vanished: Set<LostJob>, untold: Set<LostJob>, of total: Int, now: Double
  ) -> Set<LostJob> {
    let wasDoubting = isDoubting
    let believed = vanishGuard.believed(vanished, untold: untold, of: total, now: now)
    if isDoubting, !wasDoubting {
      log.error(
        "\(vanished.count) of \(total) running jobs have vanished from PBS at once: no pod is deleted until two further polls, \(Int(interval)) s apart, agree"
      )
    }
    return believed
  }
}
