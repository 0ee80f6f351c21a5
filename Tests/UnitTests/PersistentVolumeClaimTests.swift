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
          isForOnePod: true))
    #expect(claim.className == "late")
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
