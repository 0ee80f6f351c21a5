import FoundationEssentials

@testable import kube_watcher

/// The one Lease of kube-watchers.
extension SimulatedAPI {
  func lease(_ method: String, _ body: Data) -> (Int, String) {
    do {
      switch method {
      case "GET":
        guard let lease = state.lease else { return refusal(404, "leases not found") }
        return (200, lease.spec)
      case "POST":
        guard state.lease == nil else { return refusal(409, "leases already exists") }
        return (201, try keep(JSONDecoder().decode(LeaseObject.self, from: body)))
      case "PUT":
        let lease = try JSONDecoder().decode(LeaseObject.self, from: body)
        guard let kept = state.lease, lease.metadata.resourceVersion == "\(kept.version)" else {
          return refusal(409, "the object has been modified")
        }
        return (200, try keep(lease))
      default: return refusal(405, method)
      }
    } catch {
      return refusal(400, "\(error)")
    }
  }

  private func keep(_ lease: LeaseObject) throws -> String {
    state.version += 1
    var lease = lease
    lease.metadata.resourceVersion = "\(version)"
    let text = String(decoding: try JSONEncoder().encode(lease), as: UTF8.self)
    state.lease = (version, text)
    return text
  }
}
