import KubernetesClient
import Runtime

/// Where one Lease object lies. Each request is given up after `timeout` seconds.
@EventLoop
protocol LeaseStore: AnyObject {
  /// - Returns: nil where there is none.
  func read(timeout: Double) async throws -> LeaseObject?
  func create(_ spec: LeaseObject.Spec, timeout: Double) async throws -> LeaseObject
  /// Replaces it; fails with 409 when its resourceVersion is no longer the one given.
  func update(_ lease: LeaseObject, timeout: Double) async throws -> LeaseObject
}

/// A Lease in the Kubernetes API.
@EventLoop
final class KubernetesLeaseStore: LeaseStore {
  private let client: KubernetesClient
  private let namespace: String
  private let name: String

  init(client: KubernetesClient, namespace: String, name: String) {
    self.client = client
    self.namespace = namespace
    self.name = name
  }

  private var collection: String {
    "/apis/coordination.k8s.io/v1/namespaces/\(namespace)/leases"
  }

  func read(timeout: Double) async throws -> LeaseObject? {
    do {
      return try await client.send(
        "GET", "\(collection)/\(name)", timeout: timeout, as: LeaseObject.self)
    } catch let error as KubernetesError where error.status == 404 {
      return nil
    }
  }

  func create(_ spec: LeaseObject.Spec, timeout: Double) async throws -> LeaseObject {
    let lease = LeaseObject(name: name, namespace: namespace, spec: spec)
    return try await client.send(
      "POST", collection, body: lease, timeout: timeout, as: LeaseObject.self)
  }

  func update(_ lease: LeaseObject, timeout: Double) async throws -> LeaseObject {
    try await client.send(
      "PUT", "\(collection)/\(name)", body: lease, timeout: timeout, as: LeaseObject.self)
  }
}
