import FoundationEssentials
import Glibc

@testable import Runtime

/// `simulate HOURS SEED [loud] [once] [plan] [small] [from=HOUR] [trap=KIND,KIND]`: one run, and
/// where it fails the shortest history that does; or the plan alone. `small` makes no site of two
/// hosts, `from` leaves out all before that hour. A trap is a defect that is none: it closes with the
/// first binding after faults of these kinds, in this order, and shows that the shortest history is
/// found.
///
/// The order of sets and dictionaries depends on a secret of each process unless it is told not to.
if ProcessInfo.processInfo.environment["SWIFT_DETERMINISTIC_HASHING"] == nil {
  setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
  var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
  execv("/proc/self/exe", &arguments)
}

signal(SIGPIPE, SIG_IGN)
precondition(EventLoop.shared.takeGlobalJobs(), "this Swift cannot be simulated with")
EventLoop.shared.runPending()
exit(EventLoop.assumeIsolated { Program.main(Array(CommandLine.arguments.dropFirst())) })

@EventLoop
private enum Program {
  static func main(_ arguments: [String]) -> Int32 {
    guard let hours = arguments.first.flatMap(Double.init), hours > 0 else {
      print("simulate: give the hours, and a seed")
      return 64
    }
    let seed = arguments.dropFirst().first.flatMap { UInt64($0) } ?? .random(in: 1...999_999_999)
    print("simulate: HOURS=\(arguments[0]) SEED=\(seed)")
    let folder = "/tmp/pbs-connector-simulation-\(getpid())"
    mkdir(folder, 0o700)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var plan = Plan(seed: seed, hours: hours, isSmall: arguments.contains("small"))
    if let from = value("from", arguments).flatMap({ Double($0) }) {
      plan.begin(at: from * 3600)
      plan.peace = 1800
    }
    let trap = value("trap", arguments)?.split(separator: ",").compactMap {
      Plan.Kind(rawValue: String($0))
    }
    if arguments.contains("plan") {
      for fault in plan.faults {
        print("\(fault.at) \(fault.kind.rawValue) \(fault.lasts) \(fault.choice % 4)")
      }
      for arrival in plan.arrivals {
        print("\(arrival.at) arrival \(arrival.life) \(arrival.cpus)")
      }
      print("site \(plan.site.rawValue) hosts \(plan.hosts) cpus \(plan.cpus)")
      return 0
    }
    let clock = SystemClock()
    let began = clock.now
    let make = { (plan: Plan, isLoud: Bool) in
      Run(plan, seed: seed, folder: folder, isLoud: isLoud, trap: trap)
    }
    let run = make(plan, arguments.contains("loud"))
    let violation = run.go()
    let took = clock.now - began
    print(
      "SEED=\(seed), \(plan.site.rawValue): \(plan.arrivals.count) pods, \(plan.faults.count) faults, \(run.history.count) events, "
        + "history \(String(run.history.digest, radix: 16)), \(run.steps) steps, \(Int(took)) s: "
        + "\(Int(plan.seconds / 3600 / took)) hours a second")
    guard let violation else { return 0 }
    print("SEED=\(seed) fails: \(violation)")
    for line in run.history.last.suffix(arguments.contains("once") ? 60 : 0) { print(line) }
    if arguments.contains("once") { return 1 }
    var left = plan
    left.faults.removeAll { $0.at + Run.beginning > run.time.now }
    left.arrivals.removeAll { $0.at + Run.beginning > run.time.now }
    left.seconds = run.time.now - Run.beginning
    var shrink = Shrink(budget: 200) { plan in
      // Another thing that is wrong is another history.
      make(plan, false).go().map(kind(of:)) == kind(of: violation)
    }
    let shortest = shrink.shortest(of: left)
    print(
      "the shortest history found has \(shortest.arrivals.count) pods and "
        + "\(shortest.faults.count) faults:")
    let last = make(shortest, false)
    _ = last.go()
    for line in last.history.last { print(line) }
    return 1
  }

  private static func value(_ name: String, _ arguments: [String]) -> Substring? {
    arguments.first { $0.hasPrefix("\(name)=") }?.dropFirst(name.count + 1)
  }

  /// What was wrong, without the names and numbers.
  private static func kind(of violation: String) -> String {
    violation.filter { !$0.isNumber }
  }
}
