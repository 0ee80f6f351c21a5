import Startup

/// All that can be set for pbs-broker, with its defaults.
struct BrokerSettings: Sendable {
  var policy = TranslationPolicy()
  var bindWhen = BindWhen.run
  /// PBS host to node, where the names do not tell.
  var hosts: [String: String] = [:]
  /// Commands that submit jobs at once.
  var submissionsInFlight = 8
  /// How PBS is talked to.
  var pbsBackend = BackendKind.auto
  /// The most connections a minute that PBS's commands make together; see ``ConnectionBudget``.
  var connectionsPerMinute = 120
  /// Seconds after which a command of PBS is killed.
  var commandTimeout = 60.0
  /// Seconds between looks at all jobs, without hints from PBS's hooks.
  var lookInterval = 2.0
  /// The same while hints arrive.
  var lookIntervalWithHints = 5.0
  /// Seconds after which a job without a pod is deleted.
  var orphanGrace = 30.0
  /// Seconds that a pod may stay Terminating past its grace period on a host that is away.
  var terminatingPatience = 300.0
  /// Whether a pod is bound only where Kubernetes has room for it, by its own account.
  var checksCapacity = true
  /// Seconds for which a job keeps its place while what is ending on its node still takes the room.
  var roomPatience = 60.0
  /// Seconds for which a job keeps its place while its pod's volumes are provisioned.
  /// (kube-scheduler: VolumeBindingArgs, bindTimeoutSeconds.)
  var volumePatience = 600.0
  /// When jobs vanish in numbers: see ``VanishGuard``.
  var vanishShare = 0.2
  var vanishLeast = 10
  var vanishInterval = 30.0
  /// Seconds for which a binder may bring nothing about while others do.
  var binderPatience = 60.0
  /// What Kubernetes and PBS tell each other of their machines.
  var nodeSync = NodeSyncSettings()
  /// By what jobs are believed to be ours.
  var reliance = Reliance.owner
  /// The file of the keys that submissions are signed with; nil: they are not signed.
  var proofKeys: String?
  /// This host as PBS's server names it; nil for its full name in the resolver.
  var proofHost: String?
  /// What this host has said of the users whom the policy names, when it was read.
  var userAnswers: [String: UserAnswer] = [:]
  /// Seconds that reading it may wait for that.
  private static let userPatience = 1.0
  /// The least user id of those, other than our own user, whose jobs may be submitted.
  var leastUID = 1000
  /// The program that a pod's job runs.
  var placeholder = ["/bin/sleep", "infinity"]

  /// - Parameter pbsBackend: the flag's value, which stands before the file's.
  /// - Parameter syncsResources: the flag; true stands before the file.
  init(
    _ settings: Settings, pbsBackend flag: BackendKind? = nil, syncsResources: Bool = false
  ) throws {
    pbsBackend = try settings.word("pbs-backend", BackendKind.self) ?? pbsBackend
    if let flag { pbsBackend = flag }
    leastUID = try settings.count("least-uid", in: 1...4_294_967_294) ?? leastUID
    policy = try TranslationPolicy(settings)
    userAnswers = UserDirectory.ask(
      Set(policy.userKeys.map(\.name)), within: Self.userPatience)
    try checkUsers(settings, userAnswers)
    connectionsPerMinute =
      try settings.count("connections-per-minute", in: 10...100_000) ?? connectionsPerMinute
    bindWhen = try settings.word("bind-when", BindWhen.self) ?? bindWhen
    hosts = try settings.table("hosts") ?? hosts
    submissionsInFlight =
      try settings.count("submissions-in-flight", in: 1...256) ?? submissionsInFlight
    commandTimeout = try settings.number("command-timeout", in: 0.5...3600) ?? commandTimeout
    lookInterval = try settings.number("look-interval", in: 0.05...3600) ?? lookInterval
    lookIntervalWithHints =
      try settings.number("look-interval-with-hints", in: 0.05...3600) ?? lookIntervalWithHints
    orphanGrace = try settings.number("orphan-grace", in: 0...86400) ?? orphanGrace
    terminatingPatience =
      try settings.number("terminating-patience", in: 0...86400) ?? terminatingPatience
    checksCapacity = try settings.flag("check-capacity") ?? checksCapacity
    roomPatience = try settings.number("room-patience", in: 0...3600) ?? roomPatience
    volumePatience = try settings.number("volume-patience", in: 1...86400) ?? volumePatience
    vanishShare = try settings.number("vanish-share", in: 0...1) ?? vanishShare
    vanishLeast = try settings.count("vanish-least", in: 1...1_000_000) ?? vanishLeast
    vanishInterval = try settings.number("vanish-interval", in: 0...3600) ?? vanishInterval
    binderPatience = try settings.number("binder-patience", in: 1...3600) ?? binderPatience
    nodeSync = try NodeSyncSettings(settings)
    nodeSync.setsResources = nodeSync.setsResources || syncsResources
    nodeSync.cpu = policy.resources["cpu"]
    reliance = try settings.word("proof", Reliance.self) ?? reliance
    proofKeys = try settings.text("proof-keys")
    proofHost = try settings.text("proof-host")
    guard reliance == .owner || proofKeys != nil else {
      throw settings.wrong("proof", "owner, where there are no proof-keys")
    }
    placeholder = try settings.texts("placeholder") ?? placeholder
    guard placeholder.first?.hasPrefix("/") == true else {
      throw settings.wrong("placeholder", "a list: an absolute path and its arguments")
    }
  }
}
