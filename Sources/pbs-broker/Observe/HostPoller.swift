import Logging
import Runtime

/// Asks PBS which hosts there are, and which are down while the fate of a pod depends on that.
@EventLoop
final class HostPoller {
  /// Seconds between polls; and between those that some pod waits for, which is more than a host
  /// needs to report to a server that has just started.
  private static let interval = 600.0
  private nonisolated static let intervalWhenNeeded = 15.0

  private let backend: any PBSBackend
  private let log: Logger
  private var hosts = PBSHosts()
  private var polledAt = -Double.infinity
  /// Waits after polls that failed; and since when they have, nil while they do not.
  private var waits: Backoff
  private var retryAt = 0.0
  private var failingSince: Double?
  /// Hosts that were down in the last poll; nil while none was made because of that.
  private var calledDown: Set<String>?
  /// What has been said of names that do not match.
  private var said: Set<String> = []

  init(backend: any PBSBackend, jitter: Jitter, log: Logger) {
    self.backend = backend
    self.log = log
    waits = Backoff(first: Self.intervalWhenNeeded, longest: 300, jitter: jitter)
  }

  /// Those hosts count as down that two polls in a row call so: a server that has just started
  /// calls all of them down until they have reported.
  func poll(for world: World, begun: Double) async {
    await look(for: world, begun: begun)
    if world.takeNamesChanged() { sayUnmatched(world) }
  }

  private func look(for world: World, begun: Double) async {
    let downMatters = world.hasTerminatingPods
    if !downMatters {
      calledDown = nil
      hosts.down = []
      world.setHosts(hosts)
    }
    let interval = downMatters || world.needsHosts ? Self.intervalWhenNeeded : Self.interval
    if failingSince != nil {
      guard begun >= retryAt else { return }
    } else {
      guard downMatters && calledDown == nil || begun - polledAt > interval else { return }
    }
    world.needsHosts = false
    polledAt = begun
    do throws(PBSError) {
      hosts = try await backend.hosts()
      // It changes all the time, and says nothing about pods.
      hosts.assigned = [:]
    } catch {
      if failingSince == nil {
        log.warning("PBS's hosts cannot be listed: \(error); trying again until it works")
      }
      failingSince = failingSince ?? begun
      retryAt = begun + waits.delay()
      // A host may have returned meanwhile.
      hosts.down = []
      calledDown = []
      return world.setHosts(hosts)
    }
    if let since = failingSince {
      log.notice("PBS's hosts can be listed again after \(Int(begun - since)) s")
    }
    failingSince = nil
    waits.reset()
    let now = hosts.calledDown
    hosts.down = now.intersection(calledDown ?? [])
    if downMatters { calledDown = now }
    world.setHosts(hosts)
  }

  /// Says once each, when the names have changed, what an administrator may have to mend in the names of hosts and nodes.
  private func sayUnmatched(_ world: World) {
    let unmatched = world.hostMap.unmatched()
    for line in unmatched.errors where said.insert(line).inserted { log.error("\(line)") }
    for line in unmatched.notes where said.insert(line).inserted { log.notice("\(line)") }
    if said.count > 1000 { said.removeAll() }
  }
}
