@testable import Runtime
@testable import pbs_broker

/// What PBS has told the brokers of its jobs: what they do can be no newer than that, and has to be
/// no older.
@EventLoop
final class Knowledge {
  /// Where a job runs, and for which pod.
  struct Place: Equatable {
    var uid: String
    var node: String
  }

  private struct View {
    /// Whose job it is as far as was told, whether it runs or not.
    var uid: String?
    var place: Place?
    /// When it was told so last.
    var toldAt: Double
    /// What was told before, and until when.
    var former: (place: Place, until: Double)?
  }

  private let run: Run
  /// By broker and job.
  private var views: [String: [String: View]] = [:]
  private var endedAt: [String: Double] = [:]

  init(_ run: Run) {
    self.run = run
  }

  private var now: Double { run.time.now }

  func begins(_ broker: String) {
    views[broker] = [:]
    endedAt[broker] = nil
  }

  func ends(_ broker: String) { endedAt[broker] = now }

  /// PBS's answer has come.
  func told(_ broker: String, _ stat: JobStat) {
    for job in stat.jobs {
      let uid = job.pod?.uid
      let isThere = job.isRunning || job.isSuspended
      var place: Place?
      if isThere, let uid, let node = job.host { place = Place(uid: uid, node: node) }
      enter(broker, job.id, uid, place)
    }
    for id in stat.unknown { enter(broker, id, nil, nil) }
  }

  private func enter(_ broker: String, _ job: String, _ uid: String?, _ place: Place?) {
    let before = views[broker]?[job]
    var former = before?.former
    if let was = before?.place, was != place { former = (was, now) }
    views[broker, default: [:]][job] = View(uid: uid, place: place, toldAt: now, former: former)
  }

  /// Whether a broker acts by what it was told when it has a pod bound to where a job runs.
  /// - Parameters:
  ///   - fresh: seconds for which what was told counts while PBS can be asked.
  ///   - delivery: seconds that it takes a broker's word to get to the API.
  func explains(_ job: String, at place: Place, fresh: Double, delivery: Double) -> Bool {
    views.contains { broker, jobs in
      guard let view = jobs[job] else { return false }
      if let ended = endedAt[broker], now - ended > delivery { return false }
      if let former = view.former, former.place == place, now - former.until <= delivery {
        return true
      }
      guard view.place == place else { return false }
      let age = now - view.toldAt
      return age <= fresh + delivery || run.trouble.wasOn(Plan.Kind.hideJobs, within: age)
    }
  }

  /// Whether a broker was told that this job is another pod's than the one given.
  func isOutdated(_ broker: String, _ job: String, uid: String) -> Bool {
    views[broker]?[job]?.uid != uid
  }
}

extension Plan.Kind {
  /// What keeps brokers from hearing of jobs.
  static let hideJobs: Set<Self> = [
    .pbsAway, .pbsHangs, .pbsLosesAnswers, .pbsBusy, .pbsSlow, .brokerBlind, .pbsUnreadable,
    .stopBroker, .hostSuspended,
  ]

  /// What keeps processes from hearing of each other, or from acting by what they have heard.
  static let stalls: Set<Self> = [
    .stopWatcher, .stopBroker, .stopBinder, .brokerDeaf, .binderDeaf, .hostSuspended,
  ]

  /// What makes another broker act on a pod, or the same one begin anew.
  static let brokersChange: Set<Self> = [
    .killBroker, .secondBroker, .killWatcher, .stopWatcher, .stopBroker, .brokerDeaf,
    .hostSuspended,
  ]
}
