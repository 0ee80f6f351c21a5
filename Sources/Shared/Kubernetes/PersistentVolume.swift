/// A PersistentVolume of the API (core/v1), as far as it matters for placing a pod.
public struct PersistentVolume: Decodable, Sendable, Equatable {
  public let name: String
  public let volume: VolumeClaim.Volume

  private enum Key: CodingKey { case metadata, spec }
  private struct Metadata: Decodable { var name: String }
  private struct Spec: Decodable { var nodeAffinity: VolumeNodeAffinity? }
  private struct VolumeNodeAffinity: Decodable { var required: NodeSelector? }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    name = try container.decode(Metadata.self, forKey: .metadata).name
    let nodes = try container.decode(Spec.self, forKey: .spec).nodeAffinity?.required
    volume = VolumeClaim.Volume(nodes: nodes.weight > PodSpec.limit ? .nowhere : nodes)
  }
}

extension NodeSelector {
  /// No term, and so no node: of one that is too large to be passed on.
  static let nowhere = NodeSelector(nodeSelectorTerms: [])
}
