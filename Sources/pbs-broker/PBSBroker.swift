import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import Runtime
import Startup
import Wire

/// pbs-broker, or the helper that it has started.
package enum Program {
  package static func main() {
    LibraryHelper.runIfMeant(CommandLine.arguments)
    AsUser.runIfMeant(CommandLine.arguments)
    PBSBroker.main()
  }
}

/// Turns pods into PBS jobs, follows both, and tells binder what to do.
struct PBSBroker: ConnectorCommand {
  static let configuration = CommandConfiguration(
    commandName: "pbs-broker",
    abstract: "Submits a PBS job for each pod that waits, and follows both.",
    version: Version.text,
    subcommands: [ExplainCommand.self, StatusCommand.self, DoctorCommand.self])

  @Option(help: "kube-watcher's socket (default: \(Process.runDirectory)/kube-watcher.sock).")
  var watcher: String?

  @Option(help: "Socket to serve binders on (default: \(Process.runDirectory)/pbs-broker.sock).")
  var socket: String?

  @Option(
    name: .customLong("pbs-exec"),
    help: "PBS's folder, which has bin/qsub (default: $PBS_EXEC, /etc/pbs.conf, PATH).")
  var pbsExec: String?

  @Option(
    name: .customLong("pbs-backend"),
    help: "How to talk to PBS: auto, libpbs or commands (default: auto).")
  var pbsBackend: BackendKind?

  @Flag(
    name: .customLong("sync-resources"),
    help: "Let PBS's hosts have the cpus and memory that their nodes have for pods.")
  var syncResources = false

  @OptionGroup var common: CommonOptions

  func run() {
    let flags = BrokerConfiguration.Flags(
      watcher: watcher, socket: socket, pbsExec: pbsExec, pbsBackend: pbsBackend,
      syncsResources: syncResources)
    Process.run("pbs-broker", common) { settings, log, instance, clock, monitor in
      let reload = ConfigurationReload(settings, flags, log: log)
      let configuration = try BrokerConfiguration(settings, flags)
      var own = configuration.own

      let installation = try PBSInstallation.find(configured: configuration.exec)
      let publisher = try Publisher(
        path: configuration.socket, role: .pbsBroker, instance: instance, consumers: .binder,
        allowedPeers: configuration.peers, clock: clock, log: log)
      let hintListener = try HintListener(
        path: configuration.hints, allowedPeers: configuration.peers, clock: clock, log: log)
      // What can never work has been found by now; this may take a while.
      let directory = UserDirectory(clock: clock)
      directory.enter(own.userAnswers)
      let backend = try await own.pbsBackend.backend(
        of: installation, settings: own, directory: directory, clock: clock, log: log)
      let words = own.policy.close(backend.users) { directory.answer(for: $0) }
      if let notice = words.notice { log.notice("\(notice)") }
      if let warning = words.warning { log.warning("\(warning)") }
      let signer = try own.proofKeys.map {
        try ProofSigner(path: $0, user: backend.user, host: own.proofHost, clock: clock, log: log)
      }
      let subscription = Subscription(
        path: configuration.watcher, role: .pbsBroker, instance: instance,
        allowedServers: configuration.servers, clock: clock, log: log)
      let broker = Broker(
        settings: own, instance: instance, backend: MeasuredPBS(backend, clock: clock),
        signer: signer,
        subscription: subscription, publisher: publisher, clock: clock, log: log)
      log.notice("\(Self.words(on: own.reliance, user: backend.user, signer))")
      hintListener.onHint = { broker.hint($0) }
      let confirmation = EventSource.signal(SIGUSR1) { broker.confirmAbsence() }
      broker.follow(directory)
      reload.serve(broker)
      broker.watch(by: monitor, publisher)
      monitor.complete()
      subscription.start()
      await broker.run()
      return withExtendedLifetime((hintListener, confirmation, reload)) { broker }
    }
  }

  /// Which of the two proves that a job is a pod's, for the log.
  private static func words(on reliance: Reliance, user: String, _ signer: ProofSigner?) -> String {
    let signed = signer.map { "; submissions are signed for \($0.user)" } ?? ""
    return switch reliance {
    case .owner: "proof: a job is a pod's by its owner, PBS's user \(user)\(signed)"
    case .required: "proof: a job is a pod's by its resource k8s_pod, and by nothing else\(signed)"
    }
  }
}
