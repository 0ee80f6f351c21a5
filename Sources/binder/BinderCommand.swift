import ArgumentParser
import FoundationEssentials
import Kubernetes
import KubernetesClient
import Logging
import Startup
import Wire

/// What the program binder runs.
package enum Program {
  package static func main() {
    BinderCommand.main()
  }
}

/// Does in Kubernetes what pbs-broker asks for.
struct BinderCommand: ConnectorCommand {
  static let configuration = CommandConfiguration(
    commandName: "binder",
    abstract: "Binds pods to the hosts of their PBS jobs, and reports and deletes pods.",
    version: Version.text)

  @Option(help: "Kubeconfig file (default: $KUBECONFIG, the service account, ~/.kube/config).")
  var kubeconfig: String?

  @Option(
    parsing: .upToNextOption,
    help: "pbs-broker's socket, or several (default: \(Process.runDirectory)/pbs-broker.sock).")
  var broker: [String] = []

  @Option(
    name: .customLong("scheduler-name"), parsing: .upToNextOption,
    help: "Scheduler names whose pods are ours (default: \(WellKnown.schedulerName)).")
  var schedulerName: [String] = []

  @OptionGroup var common: CommonOptions

  func run() {
    Process.run("binder", common) {
      [kubeconfig, broker, schedulerName] settings, log, instance, clock, monitor in
      let file = try settings.text("kubeconfig", flag: kubeconfig)
      let paths =
        try settings.texts("broker", flags: broker) ?? ["\(Process.runDirectory)/pbs-broker.sock"]
      let servers = try Process.serverIDs(
        settings.texts("allowed-servers"), key: "binder.allowed-servers", packaged: "pbs-broker")
      let requests = try settings.count("requests-in-flight", in: 1...1000) ?? 64
      var limits = PodActions.Limits()
      if let names = try settings.texts("scheduler-name", flags: schedulerName) {
        limits.schedulerNames = Set(names)
      }
      if let grace = try settings.count("longest-grace", in: 1...31_536_000) {
        limits.longestGrace = grace
      }
      var eventLimits = EventBudget.Limits()
      if let interval = try settings.number("event-interval", in: 0...86400) {
        eventLimits.interval = interval
      }
      try settings.finish()
      let connection = try KubernetesConnection.find(file: file)

      let client = KubernetesClient(
        connection, program: "binder", connections: 8, clock: clock, log: log)
      let access = APIAccess(client: client, clock: clock, log: log)
      access.onHopeless = { Process.fail("binder", $0) }
      let pods = PodActions(access: access, limits: limits, clock: clock, log: log)
      let events = EventRecorder(
        access: access, instance: instance, limits: eventLimits, clock: clock,
        log: log)
      let binder = Binder(
        instance: instance, access: access, pods: pods, events: events, requestsInFlight: requests,
        clock: clock, log: log)
      binder.watch(by: monitor, brokers: paths.count)
      monitor.complete()
      try await pods.greet()
      for path in paths {
        binder.subscribe(
          Subscription(
            path: path, role: .binder, instance: instance, allowedServers: servers, clock: clock,
            log: log))
      }
      return binder
    }
  }
}
