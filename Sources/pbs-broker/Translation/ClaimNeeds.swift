import Kubernetes

/// What a pod's volume claims ask of its placing. (Kubernetes: "Persistent Volumes", "Storage
/// Classes", volume binding mode.)
struct ClaimNeeds {
  /// Nodes that claims were provisioned for, by the words for the claim.
  private(set) var selectedNodes: [(claim: String, node: String)] = []
  /// Volumes that cannot be reached from all nodes.
  private(set) var volumes: [VolumeReach] = []
  private(set) var causes: [String] = []
  private(set) var waits: [String] = []

  init(_ pod: Pod, _ context: TranslationContext) {
    guard let claims = context.claims else { return }
    for name in Set(pod.claimNames) {
      let fullName = "\(pod.metadata.namespace ?? "default")/\(name)"
      let words = "volume claim \(fullName)"
      guard let claim = claims[fullName] else {
        waits.append("waits for \(words), which does not exist")
        continue
      }
      if claim.isTerminating == true { waits.append("waits for \(words), which is being deleted") }
      if pod.ephemeralClaimNames.contains(name), let controller = claim.controller,
        controller != pod.metadata.uid
      {
        waits.append("waits for \(words), which was not made for this pod")
      }
      if claim.isForOnePod {
        for other in context.claimUsers.others(than: pod.metadata.uid, of: fullName) {
          waits.append("waits for \(words) (ReadWriteOncePod), which pod \(other.fullName) uses")
        }
      }
      take(claim, words)
      if let selector = claim.reach {
        let source = claim.isBound ? words : "\(words) (allowedTopologies of its class)"
        let nodes = context.claimReach.nodes[fullName] ?? []
        volumes.append(VolumeReach(claim: source, selector: selector, nodes: nodes))
      }
      if claim.isBound, claim.volume != nil { continue }
      // What was provisioned for one node may be reached from no other.
      if claim.waitsForConsumer, let node = claim.selectedNode {
        selectedNodes.append((words, node))
      }
    }
  }

  /// A claim that is not bound: one for which nobody has chosen a node gets that of the job.
  private mutating func take(_ claim: VolumeClaim, _ words: String) {
    if claim.isBound { return }
    if !claim.waitsForConsumer {
      waits.append("waits for \(words) to be bound")
    } else if claim.isStatic {
      causes.append(
        "\(words) is of a class with volumeBindingMode WaitForFirstConsumer and without a"
          + " provisioner: which of its volumes it gets cannot be honoured by PBS")
    } else if let node = claim.selectedNode {
      // The volume comes without a job, and no machine is held for it.
      waits.append("waits for \(words) to be provisioned on \(node)")
    } else if claim.uid == nil {
      waits.append(
        "waits for a kube-watcher of this release, which tells how \(words) can be provisioned")
    }
  }
}
