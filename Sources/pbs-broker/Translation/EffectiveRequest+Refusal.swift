import Kubernetes

extension EffectiveRequest {
  /// What a pod asks for.
  /// - Parameter defaults: for a container that has neither request nor limit of a resource.
  /// - Throws: ``Refusal`` that names each container and resource whose quantity is none.
  static func of(
    _ pod: Pod, defaults: [String: Quantity]
  ) throws(Refusal) -> [String: Quantity] {
    let (request, unreadable) = of(PodNeeds(pod.spec), defaults: defaults)
    guard unreadable.isEmpty else { throw Refusal(causes: unreadable) }
    return request
  }
}
