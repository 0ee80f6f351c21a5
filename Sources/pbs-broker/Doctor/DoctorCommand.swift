import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import Messages
import Runtime
import Startup
import Text
import Wire

/// Compares PBS's hosts with Kubernetes' nodes, and says what to change.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Compares PBS's hosts with Kubernetes' nodes, and says what to change.",
    discussion: """
      It reads kube-watcher's socket as an observer, and asks PBS for its hosts and queues. --config
      FILE, --watcher, --pbs-exec, --pbs-backend and --sync-resources are pbs-broker's own. Exit status 0; 1 when
      something is wrong; 2 when it cannot look.
      """)

  /// Seconds in which kube-watcher must have told all.
  private static let patience = 30.0
  /// Octets of a line at most.
  private static let widest = 1000
  /// What cannot be looked at.
  private static let cannotLook: Int32 = 2

  @ParentCommand var broker: PBSBroker

  func run() {
    signal(SIGPIPE, SIG_IGN)
    do {
      let settings = try Settings(path: broker.common.config, program: "pbs-broker")
      let watcher =
        try settings.text("watcher", flag: broker.watcher)
        ?? "\(Process.runDirectory)/kube-watcher.sock"
      let exec = try settings.text("pbs-exec", flag: broker.pbsExec)
      let own = try BrokerSettings(
        settings, pbsBackend: broker.pbsBackend, syncsResources: broker.syncResources)
      let installation = try PBSInstallation.find(configured: exec)
      let view = try Self.look(watcher)
      Task { @EventLoop in
        do {
          let table = try await Self.examine(view, installation, own)
          for line in table.lines { print(PlainText.escaped(line, limit: Self.widest)) }
          fflush(nil)
          EventLoop.shared.stopNow(table.isWrong ? 1 : 0)
        } catch {
          StandardError.print("pbs-broker: PBS cannot be asked: \(error)")
          EventLoop.shared.stopNow(Self.cannotLook)
        }
      }
    } catch {
      StandardError.print("pbs-broker: \(StartupError.text(of: error))")
      Glibc.exit(Self.cannotLook)
    }
    Glibc.exit(EventLoop.shared.run())
  }

  /// What kube-watcher tells.
  private static func look(_ path: String) throws -> DoctorView {
    var view = DoctorView()
    for json in try Snapshot.read(path, within: patience, clock: SystemClock()).messages {
      view.enter(try json.decode(WatcherMessage.self))
    }
    guard view.cluster?.nodeUse == true else {
      throw StartupError(
        "\(path): it does not tell what pods hold of nodes: is it of an older version?")
    }
    return view
  }

  @EventLoop
  private static func examine(
    _ view: DoctorView, _ installation: PBSInstallation, _ settings: BrokerSettings
  ) async throws -> DoctorTable {
    let log = Logger.lines(of: "pbs-broker", level: .warning)
    let clock = SystemClock()
    let backend = try await settings.pbsBackend.backend(
      of: installation, settings: settings, clock: clock, log: log)
    let hosts = try await backend.hosts()
    let delays = KillDelays(try await backend.queues())
    let doctor = Doctor(
      hostMap: HostMap(table: settings.hosts, nodes: Array(view.nodes.values), hosts: hosts),
      nodes: view.nodes, uses: view.uses, jobless: view.jobless, policy: settings.policy,
      syncsResources: settings.nodeSync.setsResources)
    return DoctorTable(
      reports: doctor.reports(), others: delays.findings(graces: view.graces))
  }
}
