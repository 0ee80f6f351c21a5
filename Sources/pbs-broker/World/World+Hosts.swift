import Kubernetes

/// Which host of PBS is which node.
extension World {
  /// Which host is which node, by the configuration.
  func setTable(_ table: [String: String]) {
    guard table != hostMap.table else { return }
    hostMap.table = table
    isNamesChanged = true
    markAllChanged()
  }

  /// PBS's hosts.
  func setHosts(_ hosts: PBSHosts) {
    guard hosts != hostMap.hosts else { return }
    hostMap.hosts = hosts
    isNamesChanged = true
    markAllChanged()
  }
}
