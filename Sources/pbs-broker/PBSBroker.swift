import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import Shared

/// Turns pods into PBS jobs, follows both, and tells binder what to do.
@main
struct PBSBroker: ConnectorCommand {
  static let configuration = CommandConfiguration(
    commandName: "pbs-broker",
    abstract: "Submits a PBS job for each pod that waits, and follows both.",
    version: Version.text)

  @Option(help: "kube-watcher's socket (default: \(Process.runDirectory)/kube-watcher.sock).")
  var watcher: String?

  @Option(help: "Socket to serve binders on (default: \(Process.runDirectory)/pbs-broker.sock).")
  var socket: String?

  @Option(
    name: .customLong("pbs-exec"),
    help: "PBS's folder, which has bin/qsub (default: $PBS_EXEC, /etc/pbs.conf, PATH).")
  var pbsExec: String?

  @OptionGroup var common: CommonOptions

  func run() {
    Process.run("pbs-broker", common) { [watcher, socket, pbsExec] settings, log, instance in
      let watcher =
        try settings.text("watcher", flag: watcher) ?? "\(Process.runDirectory)/kube-watcher.sock"
      let socket =
        try settings.text("socket", flag: socket) ?? "\(Process.runDirectory)/pbs-broker.sock"
      let hints =
        try settings.text("hints-socket")
        ?? (socket.hasSuffix(".sock") ? String(socket.dropLast(5)) : socket) + "-hints.sock"
      let exec = try settings.text("pbs-exec", flag: pbsExec)
      let peers = try Process.userIDs(
        settings.texts("allowed-peers") ?? [], key: "pbs-broker.allowed-peers")
      let servers = try Process.serverIDs(
        settings.texts("allowed-servers"), key: "pbs-broker.allowed-servers",
        packaged: "kube-watcher")
      let own = try BrokerSettings(settings)
      try settings.finish()

      let backend = try PBSCommands(
        PBSInstallation.find(configured: exec), placeholder: own.placeholder,
        timeout: own.commandTimeout, connectionsPerMinute: own.connectionsPerMinute, log: log)
      let signer = try own.proofKeys.map {
        try ProofSigner(path: $0, user: backend.user, host: own.proofHost, log: log)
      }
      let publisher = try Publisher(
        path: socket, role: .pbsBroker, instance: instance, consumers: .binder,
        allowedPeers: peers, log: log)
      let hintListener = try HintListener(path: hints, allowedPeers: peers, log: log)
      let subscription = Subscription(
        path: watcher, role: .pbsBroker, instance: instance, allowedServers: servers, log: log)
      let broker = Broker(
        settings: own, instance: instance, backend: backend, signer: signer,
        subscription: subscription, publisher: publisher, log: log)
      log.notice("\(Self.words(on: own.reliance, user: backend.user, signer))")
      hintListener.onHint = { broker.hint($0) }
      let confirmation = EventSource.signal(SIGUSR1) { broker.confirmAbsence() }
      subscription.start()
      await broker.run()
      return withExtendedLifetime((hintListener, confirmation)) { broker }
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
