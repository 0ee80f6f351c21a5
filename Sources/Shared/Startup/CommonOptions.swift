import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import Monitoring
import Runtime
import Text

/// The flags that all three processes have.
public struct CommonOptions: ParsableArguments {
  @Option(help: "Configuration file (default: \(Settings.defaultPath), if it exists).")
  public var config: String?

  @Option(
    name: .customLong("log-level"),
    help: "How much to log: trace, debug, info, notice, warning, error or critical (default: info)."
  )
  public var logLevel: String?

  @Option(
    name: .customLong("log-format"),
    help: "How log lines are written: text, json or journald (default: text).")
  public var logFormat: String?

  @Option(
    help:
      "This process's name among others of its role; give each a lasting one when there are several (default: host name and process id)."
  )
  public var instance: String?

  @Option(
    name: .customLong("metrics-address"),
    help:
      "Where to serve /metrics, /healthz and /readyz: a path of a socket, or HOST:PORT (default: nowhere)."
  )
  public var metricsAddress: String?

  public init() {}
}

/// What every process does at its start and end.
public enum Process {
  /// The default folder of the sockets.
  public static let runDirectory = "/run/pbs-connector"

  /// Starts a process: reads the settings, sets up logging, runs `main` on the event loop,
  /// and stays there until a signal or an error ends it.
  ///
  /// `main` registers with the monitor what the process needs, and completes it before it waits
  /// for anything. What it returns is kept alive until the end.
  /// A ``StartupError`` from `main` is printed on one line and ends the process with
  /// status 1. SIGTERM and SIGINT end it with status 0, when what is under way has ended.
  public static func run(
    _ program: String, _ options: CommonOptions,
    main:
      @escaping @EventLoop (Settings, Logger, String, any Clock, Monitor) async throws -> AnyObject
  ) -> Never {
    // Until they are handled: who reloads before that has the file read in a moment anyway.
    for number in [SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2] { signal(number, SIG_IGN) }
    EventLoop.shared.takeGlobalJobs()
    do {
      let settings = try Settings(path: options.config, program: program)
      let level = LogLevel(try LogLevel.read(settings.text("log-level", flag: options.logLevel)))
      let output = LogOutput(
        program: program, format: try format(settings.text("log-format", flag: options.logFormat)))
      LogOutput.current.withLock { $0 = output }
      let log = Logger(label: program) { _ in LineLogHandler(output, level) }
      let instance =
        try settings.text("instance", flag: options.instance) ?? "\(hostName())-\(getpid())"
      let monitoring = try monitoringOptions(settings, flag: options.metricsAddress)
      start(
        program, settings, log, instance, monitoring,
        Reload(program: program, path: options.config, flag: options.logLevel, level: level), main)
    } catch {
      fail(program, error)
    }
    let status = EventLoop.shared.run()
    log(peakMemoryOf: program)
    exit(status)
  }

  private static func start(
    _ program: String, _ settings: sending Settings, _ log: Logger, _ instance: String,
    _ monitoring: Monitor.Options, _ reload: Reload,
    _ main:
      @escaping @EventLoop (Settings, Logger, String, any Clock, Monitor) async throws -> AnyObject
  ) {
    Task { @EventLoop in
      let clock = SystemClock()
      let ending = Ending(clock: clock) { EventLoop.shared.stopNow(0) }
      signals.append(.signal(SIGTERM) { ending.signalled() })
      signals.append(.signal(SIGINT) { ending.signalled() })
      do {
        let monitor = try Monitor(
          program: program, version: Version.text, options: monitoring,
          environment: ProcessInfo.processInfo.environment, clock: clock, log: log)
        ending.monitor = monitor
        signals.append(.signal(SIGHUP) { monitor.reload { reload.run(log) } })
        signals.append(.signal(SIGUSR2) { reload.toggleDebug(log) })
        kept = try await main(settings, log, instance, clock, monitor)
      } catch {
        fail(program, error)
      }
    }
  }

  /// Keys that every process has, and that are asked for here.
  public static let commonKeys = [
    "instance", "log-format", "log-level", "metrics-address", "metrics-namespaces",
  ]

  /// Takes over what it can of a configuration that was read again, all or nothing, and says what that
  /// was; nil where a process takes over nothing.
  @EventLoop public static var onReload: (@EventLoop (Settings) throws -> String)?

  @EventLoop private static var signals: [EventSource] = []
  @EventLoop private static var kept: AnyObject?

  private static func monitoringOptions(
    _ settings: Settings, flag: String?
  ) throws -> Monitor.Options {
    var options = Monitor.Options()
    if let text = try settings.text("metrics-address", flag: flag) {
      guard let address = MonitoringAddress(text) else {
        throw StartupError(
          "metrics-address: \(text) is neither a path of a socket nor HOST:PORT")
      }
      options.address = address
    }
    options.namespaces =
      try settings.count("metrics-namespaces", in: 0...1000) ?? options.namespaces
    return options
  }

  /// Prints an error on one line and ends the process.
  public static func fail(_ program: String, _ error: any Error) -> Never {
    LogOutput.say(program, StartupError.text(of: error))
    exit(1)
  }

  /// The machine's host name.
  public static func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    gethostname(&buffer, buffer.count - 1)
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func format(_ text: String?) throws -> LogFormat {
    guard let text else { return .text }
    guard let format = LogFormat(rawValue: text) else {
      let known = LogFormat.allCases.map(\.rawValue).joined(separator: ", ")
      throw StartupError("log-format: \(text) is none of \(known)")
    }
    return format
  }

  // Every process prints its peak when it ends, for whoever sizes a host.
  private static func log(peakMemoryOf program: String) {
    var usage = rusage()
    guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return }
    let cpu =
      Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    LogOutput.say(
      program, "ends, peak memory \(usage.ru_maxrss) kb, \(String(rounded: cpu)) s of CPU")
  }

  /// The users who may serve a socket that this process connects to, besides root and its own.
  /// - Parameters:
  ///   - names: the configuration's; nil for the default.
  ///   - packaged: the user who serves that socket as installed: the default, where he exists.
  /// - Throws: ``StartupError`` for a configured user that does not exist.
  public static func serverIDs(
    _ names: [String]?, key: String, packaged: String
  ) throws -> [uid_t] {
    if let names { return try userIDs(names, key: key) }
    guard let entry = getpwnam(packaged) else { return [] }
    return [entry.pointee.pw_uid]
  }

  /// Numeric ids of users named in the configuration.
  /// - Throws: ``StartupError`` for a user that does not exist.
  public static func userIDs(_ names: [String], key: String) throws -> [uid_t] {
    try names.map { name in
      if let number = uid_t(name) { return number }
      guard let entry = getpwnam(name) else {
        throw StartupError("\(key): there is no user \(name)")
      }
      return entry.pointee.pw_uid
    }
  }
}
