import ArgumentParser
import FoundationEssentials
import Logging
import Shared

/// Does in Kubernetes what pbs-broker asks for.
@main
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

  @OptionGroup var common: CommonOptions

  func run() {
    Process.run("binder", common) { [kubeconfig, broker] settings, log, instance in
      let file = try settings.text("kubeconfig", flag: kubeconfig)
      let paths =
        try settings.texts("broker", flags: broker) ?? ["\(Process.runDirectory)/pbs-broker.sock"]
      let requests = try settings.count("requests-in-flight", in: 1...1000) ?? 64
      try settings.finish()
      let connection = try KubernetesConnection.find(file: file)

      let client = KubernetesClient(connection, program: "binder", connections: 8, log: log)
      let pods = PodActions(client: client, log: log)
      let events = EventRecorder(client: client, instance: instance, log: log)
      let binder = Binder(
        instance: instance, pods: pods, events: events, requestsInFlight: requests, log: log)
      try await pods.greet()
      for path in paths {
        binder.subscribe(Subscription(path: path, role: .binder, instance: instance, log: log))
      }
      return binder
    }
  }
}
