import Logging
import Runtime
import Startup

/// Takes over a configuration that was read again on SIGHUP. One in which anything is wrong changes
/// nothing.
@EventLoop
final class ConfigurationReload {
  private let flags: BrokerConfiguration.Flags
  private let log: Logger
  /// As the process was started, and as it is in force.
  private let started: Settings
  private var current: Settings
  private var broker: Broker?
  /// Read again before there was a broker.
  private var pending: (() -> Void)?

  init(_ settings: Settings, _ flags: BrokerConfiguration.Flags, log: Logger) {
    started = settings
    current = settings
    self.flags = flags
    self.log = log
    Process.onReload = { [weak self] in try self?.take($0) ?? "" }
  }

  /// From now on it is this one's.
  func serve(_ broker: Broker) {
    self.broker = broker
    pending?()
    pending = nil
  }

  /// - Returns: what has changed, in words.
  private func take(_ settings: Settings) throws -> String {
    let configuration = try BrokerConfiguration(settings, flags)
    let changed = settings.changes(from: current)
    let later = settings.changes(from: started).filter {
      !BrokerConfiguration.reloadable.contains($0)
    }
    current = settings
    if let broker { put(configuration.own, in: broker) }
    if broker == nil {
      pending = { [weak self] in
        guard let self, let broker = self.broker else { return }
        put(configuration.own, in: broker)
      }
    }
    for key in later {
      log.warning("pbs-broker.\(key) has changed, which counts from the next start on")
    }
    let now = changed.filter(BrokerConfiguration.reloadable.subtracting(["log-level"]).contains)
    return now.isEmpty ? "nothing else has changed" : "changed are \(now.joined(separator: ", "))"
  }

  private func put(_ new: BrokerSettings, in broker: Broker) {
    broker.backend.users.directory?.enter(new.userAnswers)
    broker.reload(new)
  }
}

extension Broker {
  /// Another configuration is in force: pods that wait are translated again, those that run are left
  /// alone.
  func reload(_ new: BrokerSettings) {
    settings.takeReloadable(new)
    watchUsers()
    sayUsers()
    poller.settings = settings
    world.setTable(settings.hosts)
    alterer.forgetRefusals()
    world.rejections.configurationChanged()
    nodeSync.reload(settings.nodeSync)
    for record in world.pods.values { record.notBefore = 0 }
    compareAll()
  }
}

extension BrokerSettings {
  /// Takes over what ``BrokerConfiguration/reloadable`` names.
  mutating func takeReloadable(_ new: BrokerSettings) {
    policy = new.policy
    bindWhen = new.bindWhen
    hosts = new.hosts
    lookInterval = new.lookInterval
    lookIntervalWithHints = new.lookIntervalWithHints
    orphanGrace = new.orphanGrace
    terminatingPatience = new.terminatingPatience
    checksCapacity = new.checksCapacity
    roomPatience = new.roomPatience
    nodeSync = new.nodeSync
  }
}
