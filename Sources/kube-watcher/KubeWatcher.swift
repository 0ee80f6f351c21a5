import ArgumentParser
import FoundationEssentials
import Kubernetes
import KubernetesClient
import Logging
import Messages
import Startup
import Wire

/// What the program kube-watcher runs.
package enum Program {
  package static func main() {
    KubeWatcher.main()
  }
}

/// Watches the pods that wait for us, and the nodes, and tells pbs-broker.
struct KubeWatcher: ConnectorCommand {
  static let configuration = CommandConfiguration(
    commandName: "kube-watcher",
    abstract: "Watches pods and nodes of a Kubernetes cluster for pbs-broker.",
    version: Version.text)

  @Option(help: "Kubeconfig file (default: $KUBECONFIG, the service account, ~/.kube/config).")
  var kubeconfig: String?

  @Option(help: "Socket to serve on (default: \(Process.runDirectory)/kube-watcher.sock).")
  var socket: String?

  @Option(
    name: .customLong("scheduler-name"), parsing: .upToNextOption,
    help: "Scheduler names whose pods are ours (default: \(WellKnown.schedulerName)).")
  var schedulerName: [String] = []

  @Flag(
    name: .customLong("leader-elect"),
    help: "Work only while holding a Kubernetes Lease: for two watchers on two hosts.")
  var leaderElect = false

  @OptionGroup var common: CommonOptions

  func run() {
    Process.run("kube-watcher", common) {
      [kubeconfig, socket, schedulerName, leaderElect] settings, log, instance, clock, monitor in
      let file = try settings.text("kubeconfig", flag: kubeconfig)
      let names = Set(
        try settings.texts("scheduler-name", flags: schedulerName) ?? [WellKnown.schedulerName]
      ).sorted()
      let socket =
        try settings.text("socket", flag: socket) ?? "\(Process.runDirectory)/kube-watcher.sock"
      let timing = WatchTiming(
        silence: try settings.number("watch-silence", in: 5...3600) ?? 150,
        checkInterval: try settings.number("check-interval", in: 1...3600) ?? 45,
        listInterval: try settings.number("list-interval", in: 1...86400) ?? 600)
      let cluster = try settings.text("cluster")
      if let cluster, !Cluster.isID(cluster) {
        throw settings.wrong("cluster", "1 to 63 letters, digits, '.', '_' and '-'")
      }
      let peers = try Process.userIDs(
        settings.texts("allowed-peers") ?? [], key: "kube-watcher.allowed-peers")
      let configured = try settings.flag("leader-elect")
      let elects = leaderElect || configured == true
      let leaseNamespace = try settings.text("lease-namespace") ?? "pbs-connector"
      try settings.finish()
      let connection = try KubernetesConnection.find(file: file)

      let publisher = try Publisher(
        path: socket, role: .kubeWatcher, instance: instance, consumers: .pbsBroker,
        allowedPeers: peers, clock: clock, log: log)
      // Without HTTP/2 each watch (pods by scheduler name, other pods, nodes, claims, classes) keeps a
      // connection; lists and looks need some as well.
      let client = KubernetesClient(
        connection, program: "kube-watcher", connections: names.count + 4 + 4, clock: clock,
        log: log)
      let watcher = Watcher(
        client: client, publisher: publisher,
        options: Watcher.Options(schedulerNames: names, cluster: cluster, timing: timing),
        clock: clock, log: log)
      watcher.watch(by: monitor, elects: elects)
      monitor.complete()
      if elects {
        // Connections of its own, so that no list or watch holds a renewal up.
        let store = KubernetesLeaseStore(
          client: KubernetesClient(
            connection, program: "kube-watcher", connections: 2, clock: clock, log: log),
          namespace: leaseNamespace, name: "pbs-connector-kube-watcher")
        let lease = Lease(
          store: store, name: "\(leaseNamespace)/pbs-connector-kube-watcher",
          identity: LeaseIdentity.of(instance), clock: clock, log: log)
        lease.onHeld = {
          publisher.validUntil = $0
          watcher.leads = true
        }
        lease.onLost = {
          publisher.setSynced(false)
          watcher.leads = false
        }
        lease.onTried = { watcher.anotherLeads = $0 }
        lease.onFailureAtFirst = { watcher.judge($0) }
        await lease.lead { await watcher.run() }
      } else {
        await watcher.run()
      }
      return watcher
    }
  }
}
