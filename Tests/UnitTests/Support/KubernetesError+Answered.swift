import FoundationEssentials

@testable import KubernetesClient

extension KubernetesError {
  /// What an API server answers with this status.
  init(answered status: Int) {
    self.init(status: status, body: Data(#"{"kind": "Status", "code": \#(status)}"#.utf8))
  }
}
