import Kubernetes

extension Doctor {
  /// Where a host does not follow its node, though it is to (`sync-resources`).
  func synced(_ vnodes: [PBSVnode]) -> [HostReport.Finding] {
    guard syncsResources else { return [] }
    guard vnodes.count == 1, let vnode = vnodes.first else {
      return [
        .init(
          kind: .severalVnodes,
          words: "has \(vnodes.count) vnodes, and so is left alone by sync-resources",
          isWrong: false)
      ]
    }
    guard let text = vnode.resources[CapacityMark.resource], let mark = CapacityMark(text) else {
      return []
    }
    return mark.values.sorted { $0.key < $1.key }.compactMap { name, value in
      guard let found = vnode.resources[name], PBSSelect.amount(found) != value else { return nil }
      return .init(
        kind: .setByHand,
        words:
          "\(name) is \(found), set by hand after sync-resources had set \(ResourceAgreement.text(value, name)), and is left alone",
        cure: PBSHosts.isName(vnode.name)
          ? "qmgr -c 'unset node \(vnode.name) resources_available.\(CapacityMark.resource)'" : nil,
        isWrong: false)
    }
  }
}
