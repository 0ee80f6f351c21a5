// The types of messages, as `type` says them. docs/protocol.md has each with its members.

extension WatcherMessage {
  /// What kube-watcher tells.
  public enum Kind: String, Sendable, CaseIterable {
    case pod
    case podGone = "pod-gone"
    case node
    case nodeGone = "node-gone"
    case cluster
    case claim
    case claimGone = "claim-gone"
    case nodeUse = "node-use"
  }
}

extension BrokerMessage {
  /// What pbs-broker asks for.
  public enum Kind: String, Sendable, CaseIterable {
    case bind
    case report
    case evict
    case withdraw
    case markNode = "mark-node"
    case noteNode = "note-node"
    case selectNode = "select-node"
  }

  /// nil for what this version does not know.
  public var kind: Kind? {
    switch self {
    case .bind: .bind
    case .report: .report
    case .evict: .evict
    case .withdraw: .withdraw
    case .markNode: .markNode
    case .noteNode: .noteNode
    case .selectNode: .selectNode
    case .unknown: nil
    }
  }
}

extension BinderMessage {
  /// What a binder answers.
  public enum Kind: String, Sendable, CaseIterable {
    case outcome
    case nodeOutcome = "node-outcome"
    case claimOutcome = "claim-outcome"
  }
}
