import ArgumentParser
import FoundationEssentials
import Startup

/// Says what pods would become, without any server.
struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Prints what the pods of a manifest would become in PBS, and why.",
    discussion: """
      --config FILE is pbs-broker's own. Exit status 0; 1 when a pod is refused; 2 when something
      cannot be read.
      """)

  @ParentCommand var broker: PBSBroker

  @Option(
    name: [.customShort("f"), .customLong("file")],
    help: "The manifest, in YAML or JSON; - for standard input.")
  var file: String

  @Option(help: "The namespace of objects that name none.")
  var namespace: String = "default"

  /// Keys of pbs-broker that say nothing about pods.
  private static let elsewhere = [
    "watcher", "socket", "hints-socket", "pbs-exec", "allowed-peers",
    "allowed-servers",
  ]

  func run() throws {
    let settings: BrokerSettings
    let manifest: Manifest
    do {
      let file = try Settings(path: broker.common.config, program: "pbs-broker")
      file.passOver(Self.elsewhere + Process.commonKeys)
      settings = try BrokerSettings(file)
      try file.finish()
      manifest = try Self.manifest(self.file, namespace)
    } catch {
      StandardError.print("pbs-broker: \(StartupError.text(of: error))")
      throw ExitCode(2)
    }
    var isRefused = false
    for pod in manifest.pods {
      let explanation = Explanation(
        pod, settings.policy, hosts: settings.hosts, claims: manifest.claims,
        placeholder: settings.placeholder, reliance: settings.reliance)
      print(explanation.lines.joined(separator: "\n"))
      isRefused = isRefused || explanation.isRefused
    }
    if isRefused { throw ExitCode(1) }
  }

  private static func manifest(_ path: String, _ namespace: String) throws -> Manifest {
    let source = path == "-" ? "/dev/stdin" : path
    let text = String(decoding: try readFile(source, "manifest"), as: UTF8.self)
    do {
      let manifest = try Manifest(YAMLValue.documents(parsing: text), namespace: namespace)
      guard manifest.pods.isEmpty else { return manifest }
      let others = manifest.others.isEmpty ? "" : ": \(manifest.others.joined(separator: ", "))"
      throw ManifestError(description: "no pod in it\(others)")
    } catch {
      throw StartupError("\(path): \(error)")
    }
  }
}
