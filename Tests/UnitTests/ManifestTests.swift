import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import Startup
@testable import pbs_broker

/// Manifests of the shapes that real projects use (Tests/manifests), and what becomes of their
/// pods: Tests/manifests/expected.yaml.
@Suite struct ManifestTests {
  static let files: [String] = {
    let all = try? FileManager.default.contentsOfDirectory(atPath: TestFiles.folder + "/manifests")
    return (all ?? []).filter { $0.hasSuffix(".yaml") && $0 != "expected.yaml" }.sorted()
  }()

  @Test func noManifestIsLeftOut() throws {
    let expected = try #require(try TestFiles.documents("manifests/expected.yaml").first)
    guard case .mapping(let pairs) = expected else {
      Issue.record("expected.yaml is no mapping")
      return
    }
    #expect(pairs.map(\.key) == Self.files)
    #expect(Self.files.count >= 40)
  }

  @Test(arguments: files)
  func becomes(_ file: String) throws {
    let expected = try #require(try TestFiles.documents("manifests/expected.yaml").first?[file])
    let manifest = Manifest(try TestFiles.documents("manifests/\(file)"))
    var context = TranslationContext(
      policy: try .usual(), cluster: "c-1",
      hostMap: HostMap(
        nodes: [Node("node1", hostname: "node1"), Node("node2", hostname: "node2")],
        hosts: PBSHosts(vnodes: ["node1", "node2"].map { PBSVnode(name: $0, host: $0) })),
      claims: manifest.claims)
    let pods = try manifest.pods()
    #expect(!pods.isEmpty)
    for pod in pods {
      let row = try #require(expected[pod.metadata.name], "\(pod.metadata.name)")
      let result = ExpectedTranslation(pod, in: context)
      #expect(result == ExpectedTranslation(row))
      context.claimUsers.set(pod, uses: result.select != nil)
    }
  }
}

/// The documents of a manifest, and the pods that an API server and its controllers make of them.
private struct Manifest {
  private let documents: [YAMLValue]

  init(_ documents: [YAMLValue]) {
    self.documents = documents
  }

  private func all(_ kind: String) -> [YAMLValue] { documents.filter { $0["kind"]?.text == kind } }

  func pods() throws -> [Pod] {
    try documents.compactMap { document -> Pod? in
      let metadata = document["metadata"] ?? .mapping([])
      let template = document["spec"]?["template"]?["spec"]
      let name = metadata["name"]?.text ?? "\(metadata["generateName"]?.text ?? "")abcde"
      switch document["kind"]?.text {
      case "Pod": return try pod(name, document["spec"], metadata)
      case "Deployment", "Job": return try pod(name, template, .mapping([]))
      case "StatefulSet":
        let volumes = Self.claimTemplates(document).map { claim in
          let source = YAMLValue.mapping([("claimName", .scalar("\(claim)-\(name)-0"))])
          return YAMLValue.mapping([
            ("name", .scalar(claim)), ("persistentVolumeClaim", source),
          ])
        }
        return try pod("\(name)-0", template?.setting("volumes", .sequence(volumes)), .mapping([]))
      case "DaemonSet":
        let affinity = try YAMLValue(
          parsing: """
            nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
              {matchFields: [{key: metadata.name, operator: In, values: [node2]}]}]}}
            """)
        return try pod(name, template?.setting("affinity", affinity), .mapping([]))
      default: return nil
      }
    }
  }

  private func pod(_ name: String, _ spec: YAMLValue?, _ metadata: YAMLValue) throws -> Pod {
    let uid = YAMLValue.scalar("uid-\(name.suffix(40))")
    return try Pod(
      spec: Self.defaulted(try #require(spec)),
      metadata: metadata.setting("name", .scalar(name)).setting("uid", uid))
  }

  /// The API server gives ports in the host's network the host's port.
  private static func defaulted(_ spec: YAMLValue) -> YAMLValue {
    guard spec["hostNetwork"]?.text == "true", let containers = spec["containers"]?.items else {
      return spec
    }
    let items = containers.map { container in
      guard let ports = container["ports"]?.items else { return container }
      return container.setting(
        "ports",
        .sequence(ports.map { $0.setting("hostPort", $0["containerPort"] ?? .scalar("0")) }))
    }
    return spec.setting("containers", .sequence(items))
  }

  private static func claimTemplates(_ set: YAMLValue) -> [String] {
    (set["spec"]?["volumeClaimTemplates"]?.items ?? []).compactMap { $0["metadata"]?["name"]?.text }
  }

  /// Its claims by full name: unbound where their class binds late, else bound.
  var claims: [String: VolumeClaim] {
    let late = Set(
      all("StorageClass").filter { $0["volumeBindingMode"]?.text == "WaitForFirstConsumer" }
        .compactMap { $0["metadata"]?["name"]?.text })
    var claims: [String: VolumeClaim] = [:]
    func add(_ name: String, _ spec: YAMLValue?) {
      let isLate = late.contains(spec?["storageClassName"]?.text ?? "")
      let modes = spec?["accessModes"]?.items?.compactMap(\.text) ?? []
      let claim = VolumeClaim(
        namespace: "default", name: name, uid: "uid-\(name)", isBound: !isLate,
        waitsForConsumer: isLate,
        isForOnePod: modes.contains("ReadWriteOncePod"))
      claims[claim.fullName] = claim
    }
    for claim in all("PersistentVolumeClaim") {
      add(claim["metadata"]?["name"]?.text ?? "", claim["spec"])
    }
    for set in all("StatefulSet") {
      let name = set["metadata"]?["name"]?.text ?? ""
      for template in set["spec"]?["volumeClaimTemplates"]?.items ?? [] {
        add("\(template["metadata"]?["name"]?.text ?? "")-\(name)-0", template["spec"])
      }
    }
    for pod in all("Pod") {
      let name = pod["metadata"]?["name"]?.text ?? ""
      for volume in pod["spec"]?["volumes"]?.items ?? [] {
        guard let template = volume["ephemeral"]?["volumeClaimTemplate"] else { continue }
        add("\(name)-\(volume["name"]?.text ?? "")", template["spec"])
      }
    }
    return claims
  }
}
