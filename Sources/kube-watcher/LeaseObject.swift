/// coordination.k8s.io/v1 Lease.
struct LeaseObject: Codable, Sendable, Equatable {
  struct Metadata: Codable, Sendable, Equatable {
    var name: String
    var namespace: String
    var resourceVersion: String?
  }
  struct Spec: Codable, Sendable, Equatable {
    var holderIdentity: String?
    /// Seconds.
    var leaseDurationSeconds: Int?
    /// RFC 3339 with microseconds, by the holder's clock.
    var acquireTime: String?
    var renewTime: String?
    var leaseTransitions: Int?
  }
  var apiVersion = "coordination.k8s.io/v1"
  var kind = "Lease"
  var metadata: Metadata
  var spec: Spec

  init(name: String, namespace: String, spec: Spec) {
    metadata = Metadata(name: name, namespace: namespace)
    self.spec = spec
  }
}
