import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import Runtime
import Startup

/// How PBS is talked to, as configured.
enum BackendKind: String, CaseIterable, Sendable, ExpressibleByArgument {
  /// By libpbs where that works, else by commands.
  case auto
  case libpbs
  case commands

  /// Seconds that the first question to PBS may take.
  private static let probeTime = 10.0

  /// Chooses the backend, once and for all, and says which it is and why.
  /// - Parameters:
  ///   - helper: this very program, whatever has become of its file.
  ///   - environment: the helper's.
  /// - Throws: `StartupError` where what is asked for can never work.
  @EventLoop
  func backend(
    of installation: PBSInstallation, settings: BrokerSettings, helper: String = "/proc/self/exe",
    environment: [String: String] = PBSInstallation.environment,
    directory: UserDirectory? = nil, clock: any Clock, log: Logger
  ) async throws -> any PBSBackend {
    guard self != .commands else {
      return try Self.commands(
        installation, settings, "pbs-backend: commands", directory, clock, log)
    }
    let path = installation.library
    if self == .auto, access(path, F_OK) != 0 {
      return try Self.commands(
        installation, settings, "there is no \(path)", directory, clock, log)
    }
    let library = LibPBS(
      LibraryClient.Program(
        path: helper, arguments: [LibraryHelper.argument, path], environment: environment),
      users: try settings.submittingUsers(byCommands: false, directory),
      byProof: settings.reliance == .required, placeholder: settings.placeholder,
      timeout: settings.commandTimeout, clock: clock, log: log)
    let probeTime = min(Self.probeTime, settings.commandTimeout)
    do throws(LibraryFailure) {
      let server = try await library.probe(within: probeTime)
      log.notice("talks to PBS server \(server) by \(path)")
      return library
    } catch {
      if error.kind == .library, self == .libpbs {
        throw StartupError("pbs-backend: libpbs cannot be used: \(error.words)")
      }
      let isUsable = error.kind != .library && error.kind != .answered
      let isAway = await !Self.answers(installation, settings, probeTime, clock)
      guard self == .libpbs || isUsable && isAway else {
        return try Self.commands(
          installation, settings, "\(path): \(error.words)", directory, clock, log)
      }
      log.notice("talks to PBS by \(path), which does not answer yet: \(error.words)")
      return library
    }
  }

  /// Whether PBS answers a command.
  @EventLoop
  private static func answers(
    _ installation: PBSInstallation, _ settings: BrokerSettings, _ seconds: Double,
    _ clock: any Clock
  ) async -> Bool {
    let log = Logger(label: "probe") { _ in SwiftLogNoOpLogHandler() }
    guard let users = try? settings.submittingUsers(byCommands: true) else { return false }
    let commands = PBSCommands(
      installation, users: users, placeholder: settings.placeholder, timeout: seconds,
      clock: clock, log: log)
    return (try? await commands.server()) != nil
  }

  @EventLoop
  private static func commands(
    _ installation: PBSInstallation, _ settings: BrokerSettings, _ reason: String,
    _ directory: UserDirectory?, _ clock: any Clock, _ log: Logger
  ) throws -> PBSCommands {
    log.notice(
      "talks to PBS by its commands, with at most \(settings.connectionsPerMinute) connections a minute (connections-per-minute), which is slower than libpbs: \(reason)"
    )
    return PBSCommands(
      installation, users: try settings.submittingUsers(byCommands: true, directory),
      byProof: settings.reliance == .required, placeholder: settings.placeholder,
      timeout: settings.commandTimeout, connectionsPerMinute: settings.connectionsPerMinute,
      clock: clock, log: log)
  }
}
