import Testing

@testable import KubernetesClient

/// What metrics call a request: never by the name of an object.
@Test(arguments: [
  ("GET", "/version", "get", "version"),
  ("GET", "/api/v1/pods", "list", "pods"),
  ("GET", "/api/v1/namespaces/kube-system", "get", "namespaces"),
  ("GET", "/api/v1/namespaces/a/pods/b", "get", "pods"),
  ("POST", "/api/v1/namespaces/a/pods/b/binding", "create", "pods/binding"),
  ("PATCH", "/api/v1/namespaces/a/pods/b/status", "patch", "pods/status"),
  ("POST", "/api/v1/namespaces/a/events", "create", "events"),
  ("DELETE", "/api/v1/namespaces/a/pods/b", "delete", "pods"),
  ("PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/b", "update", "leases"),
  ("GET", "/apis/storage.k8s.io/v1/storageclasses", "list", "storageclasses"),
])
func apiCallsAreTold(_ method: String, _ path: String, _ verb: String, _ resource: String) {
  let call = APICall(method, path)
  #expect(call.verb == verb && call.resource == resource)
}
