import FoundationEssentials
import Testing

@testable import Kubernetes

@Suite struct PersistentVolumeClaimTests {
  private func read<Object: Decodable>(_ json: String, as: Object.Type) throws -> Object {
    try JSONDecoder().decode(Object.self, from: Data(json.utf8))
  }

  @Test func aClaimIsReadWithWhatPlacesAPod() throws {
    let claim = try read(
      """
      {"metadata": {"name": "data", "namespace": "default", "labels": {"a": "b"}, "annotations": {
         "volume.kubernetes.io/selected-node": "node1", "other": "x"}},
       "spec": {"accessModes": ["ReadOnlyMany", "ReadWriteOncePod"], "storageClassName": "late"},
       "status": {"phase": "Bound"}}
      """, as: PersistentVolumeClaim.self)
    #expect(
      claim.claim
        == VolumeClaim(
          namespace: "default", name: "data", isBound: true, selectedNode: "node1",
          isForOnePod: true, controller: ""))
    #expect(claim.className == "late")
  }

  @Test func whatItIsBoundToAndWhoseItIs() throws {
    let claim = try read(
      """
      {"metadata": {"name": "data", "namespace": "default", "deletionTimestamp": "2026-01-01T00:00:00Z",
         "ownerReferences": [{"uid": "a"}, {"uid": "b", "controller": true}]},
       "spec": {"volumeName": "pv-1"}}
      """, as: PersistentVolumeClaim.self)
    #expect(claim.volumeName == "pv-1")
    #expect(claim.claim.isTerminating == true && claim.claim.controller == "b")
  }

  /// component-helpers nodeaffinity.
  @Test(arguments: [
    ("In", ["a", "b"], true), ("In", ["b"], false), ("NotIn", ["a"], false),
    ("NotIn", ["b"], true), ("Exists", [], true), ("DoesNotExist", [], false),
    ("Gt", ["1"], false), ("Of", ["a"], false),
  ])
  func aVolumeIsReachedFromNodesThatItsTermsTake(
    _ name: String, _ values: [String], _ holds: Bool
  ) throws {
    let list = values.map { #""\#($0)""# }.joined(separator: ",")
    let expression = #"{"key": "zone", "operator": "\#(name)", "values": [\#(list)]}"#
    let volume = try read(
      """
      {"metadata": {"name": "v"}, "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [
        {}, {"matchExpressions": [\(expression)]}]}}}}
      """, as: PersistentVolume.self
    ).volume
    #expect(volume.nodes?.matches(Node("n", hostname: "n", labels: ["zone": "a"])) == holds)
  }

  @Test func anAffinityThatIsTooLargeTakesNoNode() throws {
    let values = (0..<500).map { #""value-\#($0)""# }.joined(separator: ",")
    let volume = try read(
      """
      {"metadata": {"name": "v"}, "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "z", "operator": "NotIn", "values": [\(values)]}]}]}}}}
      """, as: PersistentVolume.self
    ).volume
    #expect(volume.nodes?.matches(Node("n", hostname: "n", labels: [:])) == false)
  }

  /// component-helpers storage/volume: the old annotation goes first, and nil is no class.
  @Test(arguments: [
    (#""spec": {"storageClassName": "a"}"#, "", "a"),
    (#""spec": {"storageClassName": ""}"#, "", ""),
    (#""spec": {}"#, "", ""),
    (
      #""spec": {"storageClassName": "a"}"#,
      #", "annotations": {"volume.beta.kubernetes.io/storage-class": "b"}"#, "b"
    ),
  ])
  func itsClassIsTheOneThatKubernetesTakes(_ spec: String, _ more: String, _ name: String) throws {
    let claim = try read(
      #"{"metadata": {"name": "data", "namespace": "default"\#(more)}, \#(spec)}"#,
      as: PersistentVolumeClaim.self)
    #expect(claim.className == name)
  }

  @Test(arguments: [
    (#""volumeBindingMode": "WaitForFirstConsumer""#, true),
    (#""volumeBindingMode": "Immediate""#, false), (#""provisioner": "x""#, false),
  ])
  func aClassSaysWhetherItsClaimsWait(_ mode: String, _ waits: Bool) throws {
    let one = try read(#"{"metadata": {"name": "late"}, \#(mode)}"#, as: StorageClass.self)
    #expect(one.waitsForConsumer == waits && one.name == "late")
  }
}
