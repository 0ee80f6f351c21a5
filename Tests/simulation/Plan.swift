import Runtime

/// What is to happen in a run besides what the connector does: drawn from the seed before the run, so
/// that any part of it can be left out and the rest stays as it was.
struct Plan: Sendable {
  /// Which processes run all the time.
  enum Site: String, Sendable {
    /// One of each; now and then a second broker or binder.
    case single
    /// Two brokers and two binders, which share the pods.
    case shared
    /// Two hosts, each with all three; the kube-watcher that holds the Lease leads.
    case twoHosts
  }

  /// Something that fails, or that an administrator or a user does.
  enum Kind: String, CaseIterable, Sendable {
    case killWatcher, killBroker, killBinder
    case stopWatcher, stopBroker, stopBinder
    case brokerDeaf, binderDeaf, hostSuspended, dateJumps
    case secondBroker, secondBinder
    case pbsAway, pbsHangs, pbsLosesAnswers, pbsBusy, pbsSlow, brokerBlind
    case pbsListsNothing, pbsListsPart, pbsContradicts, pbsUnreadable, pbsLosesJobs
    case apiAway, apiHangs, apiErrs, watchesEnd, watchesSilent, historyGone, etcdRestored
    case jobDeleted, jobRequeued, jobRunsElsewhere, jobHeld, jobSuspended, jobAltered, jobMoved
    case hostDown, nodeNotReady
    case podEdited, podResized, podTampered
    case hintsMissing, hintsBogus

    /// How often it comes, as compared with others: most of what was ever wrong was so since processes
    /// came and went while PBS or a peer could not be heard.
    var weight: Int {
      switch self {
      case .killWatcher, .killBroker, .killBinder, .stopBroker, .stopBinder, .brokerDeaf,
        .brokerBlind,
        .pbsAway, .pbsUnreadable, .pbsLosesJobs:
        4
      case .secondBroker, .pbsListsNothing, .apiAway, .apiErrs: 2
      default: 1
      }
    }

    /// The shortest and the longest that it lasts, in seconds.
    var lasts: (Double, Double) {
      switch self {
      case .secondBroker, .secondBinder: (5, 3000)
      // PBS gives up a host after 310 s (node_fail_requeue).
      case .hostDown: (0.5, 1000)
      case .pbsListsNothing, .pbsListsPart: (0.2, 100)
      // Longer than a job may be without its pod.
      case .brokerDeaf: (0.5, 1500)
      default: (0.5, 400)
      }
    }
  }

  struct Fault: Sendable {
    var kind: Kind
    /// Seconds since the beginning.
    var at: Double
    /// Seconds that it lasts, where it does.
    var lasts: Double
    /// Chooses among what there is then.
    var choice: UInt64

    /// One of these; nil where there are none.
    func one<Item>(of items: [Item]) -> Item? {
      items.isEmpty ? nil : items[Int(choice % UInt64(items.count))]
    }
  }

  /// A pod that a user makes.
  struct Arrival: Sendable {
    var at: Double
    var namespace: String
    var cpus: Int
    /// Seconds for which it runs, and those it takes to end when it is deleted.
    var life: Double
    var ending: Double
    /// Seconds after which its user deletes it; nil where he does not.
    var deletedAfter: Double?
  }

  var faults: [Fault] = []
  var arrivals: [Arrival] = []
  /// Seconds of faults and arrivals, and those after them in which there is peace: what has to come
  /// about does so then.
  var seconds: Double
  var peace = 4 * 3600.0
  var site: Site
  /// Whether PBS's hooks send hints, and whether jobs belong to users by namespace, with proof.
  var hasHints: Bool
  var hasUsers: Bool
  /// The minor release of the API, and how many hosts of how many CPUs there are.
  var release: Int
  var hosts: Int
  var cpus: Int

  /// - Parameter isSmall: whether no site is to be one of two hosts, which costs most time.
  init(seed: UInt64, hours: Double, isSmall: Bool = false) {
    var numbers = Jitter(seed: seed)
    seconds = hours * 3600
    release = Bool.random(using: &numbers) ? 36 : 20
    hosts = Int.random(in: 2...4, using: &numbers)
    cpus = Int.random(in: 2...8, using: &numbers)
    let sites: [Site] = [.single, .single, .single, .single, .shared, .shared, .shared, .twoHosts]
    let drawn = sites[Int.random(in: 0..<sites.count, using: &numbers)]
    site = isSmall && drawn == .twoHosts ? .shared : drawn
    hasHints = Bool.random(using: &numbers)
    hasUsers = Int.random(in: 0..<3, using: &numbers) == 0
    var faultNumbers = numbers.split()
    drawArrivals(&numbers)
    drawFaults(&faultNumbers)
  }

  /// The part of it from this moment on, as if it began then.
  mutating func begin(at moment: Double) {
    faults = faults.filter { $0.at >= moment }
    arrivals = arrivals.filter { $0.at >= moment }
    for index in faults.indices { faults[index].at -= moment }
    for index in arrivals.indices { arrivals[index].at -= moment }
    seconds -= moment
  }

  private mutating func drawArrivals(_ numbers: inout Jitter) {
    var moment = 10.0
    while moment < seconds {
      // Users come in bursts, with nights between them.
      for _ in 0..<Int.random(in: 1...8, using: &numbers) {
        let isDeleted = Int.random(in: 0..<4, using: &numbers) == 0
        arrivals.append(
          Arrival(
            at: moment, namespace: Bool.random(using: &numbers) ? "default" : "batch",
            cpus: Int.random(in: 1...2, using: &numbers),
            life: Self.spread(20, 7200, &numbers), ending: Self.spread(0.2, 25, &numbers),
            deletedAfter: isDeleted ? Self.spread(0.1, 3600, &numbers) : nil))
        moment += Self.spread(0.05, 20, &numbers)
      }
      moment += Self.spread(60, 5400, &numbers)
    }
  }

  private mutating func drawFaults(_ numbers: inout Jitter) {
    let kinds = Kind.allCases.flatMap { Array(repeating: $0, count: $0.weight) }
    // Near to what users do: most faults at other times meet nothing.
    var index = 0
    while index < arrivals.count {
      for _ in 0..<Int.random(in: 0...2, using: &numbers) {
        var moment = arrivals[index].at + Self.spread(0.05, 1800, &numbers)
        // They seldom come alone.
        repeat {
          let kind = kinds.randomElement(using: &numbers) ?? .killBroker
          let (least, most) = kind.lasts
          faults.append(
            Fault(
              kind: kind, at: moment, lasts: Self.spread(least, most, &numbers),
              choice: numbers.next()))
          moment += Self.spread(0.05, 60, &numbers)
        } while Bool.random(using: &numbers)
      }
      index += Int.random(in: 1...6, using: &numbers)
    }
    faults = faults.filter { $0.at < seconds }.sorted { $0.at < $1.at }
  }

  /// A number between the two, each order of magnitude as probable as the others.
  private static func spread(_ least: Double, _ most: Double, _ numbers: inout Jitter) -> Double {
    // Without a logarithm, whose last digit may differ between machines.
    var steps = 0
    var top = least
    while top < most {
      top *= 2
      steps += 1
    }
    var result = least
    for _ in 0..<Int.random(in: 0...max(steps - 1, 0), using: &numbers) { result *= 2 }
    return min(result * Double.random(in: 1...2, using: &numbers), most)
  }
}
