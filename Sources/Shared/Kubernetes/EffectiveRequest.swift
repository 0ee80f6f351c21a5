/// What a pod as a whole asks for, by Kubernetes' own rule.
/// (Kubernetes: "Init Containers", resource sharing; "Sidecar Containers"; "Pod Overhead".)
public enum EffectiveRequest {
  /// The largest of what the pod needs at any time: its containers with all sidecars, or an
  /// init container with the sidecars started before it; plus the pod's overhead. Requests
  /// for the pod as a whole take the place of the containers'.
  /// - Parameter defaults: for a container that has neither request nor limit of a resource.
  /// - Returns: what can be read of it, by resource name, and a sentence on each quantity that
  ///   cannot, with its container.
  public static func of(
    _ needs: PodNeeds, defaults: [String: Quantity] = [:]
  ) -> (request: [String: Quantity], unreadable: [String]) {
    var reader = QuantityReader()
    var running: [String: Quantity] = [:]
    for container in needs.containers {
      add(reader.request(of: container, defaults: defaults), to: &running)
    }
    var sidecars: [String: Quantity] = [:]
    var starting: [String: Quantity] = [:]
    for container in needs.initContainers {
      // An init container without requests runs beside nothing: no default for it.
      let own = reader.request(of: container, defaults: container.isSidecar ? defaults : [:])
      if container.isSidecar {
        add(own, to: &sidecars)
      } else {
        var together = own
        add(sidecars, to: &together)
        starting.merge(together, uniquingKeysWith: max)
      }
    }
    add(sidecars, to: &running)
    var total = running.merging(starting, uniquingKeysWith: max)
    if let whole = needs.resources {
      let asked = reader.parse(whole.requests ?? [:], "the pod")
      total.merge(asked) { $1 }
      // What the API server writes into a pod, and a manifest does not have yet: a limit is a request
      // only where no container asks for that resource. (core/v1 defaults, defaultPodRequests.)
      let limits = reader.parse(whole.limits ?? [:], "the pod").filter { asked[$0.key] == nil }
      if !limits.isEmpty {
        let parts = of(PodNeeds(needs.containers, needs.initContainers, nil, nil)).request
        total.merge(limits.merging(parts.filter { limits[$0.key] != nil }) { $1 }) { $1 }
      }
    }
    add(reader.parse(needs.overhead, "the pod's overhead"), to: &total)
    return (total, reader.causes)
  }

  private static func add(_ more: [String: Quantity], to sum: inout [String: Quantity]) {
    sum.merge(more) { $0 + $1 }
  }
}

/// The members of a pod's spec that make up its request.
public struct PodNeeds: Sendable {
  var containers: [Container]
  var initContainers: [Container]
  var resources: ResourceRequirements?
  var overhead: [String: String]

  public init(_ spec: PodSpec) {
    self.init(spec.containers, spec.initContainers, spec.resources, spec.overhead)
  }

  init(
    _ containers: [Container]?, _ initContainers: [Container]?, _ resources: ResourceRequirements?,
    _ overhead: [String: String]?
  ) {
    self.containers = containers ?? []
    self.initContainers = initContainers ?? []
    self.resources = resources
    self.overhead = overhead ?? [:]
  }
}

extension Container {
  /// An init container that keeps running beside the pod's containers.
  var isSidecar: Bool { restartPolicy == "Always" }
}

/// Reads quantities, and collects what is wrong with them.
private struct QuantityReader {
  var causes: [String] = []

  mutating func request(
    of container: Container, defaults: [String: Quantity]
  ) -> [String: Quantity] {
    quantities(container.resources, "container \(container.name)")
      .merging(defaults) { own, _ in own }
  }

  /// Requests, or limits where there is no request.
  mutating func quantities(
    _ resources: ResourceRequirements?, _ owner: String
  ) -> [String: Quantity] {
    parse((resources?.limits ?? [:]).merging(resources?.requests ?? [:]) { $1 }, owner)
  }

  mutating func parse(_ texts: [String: String], _ owner: String) -> [String: Quantity] {
    var quantities: [String: Quantity] = [:]
    for (name, text) in texts {
      let quantity: Quantity
      do throws(QuantityError) {
        quantity = try Quantity(text)
      } catch {
        causes.append("\(owner) requests \(name) \(error)")
        continue
      }
      if quantity < .zero { causes.append("\(owner) requests \(name) \(text), which is negative") }
      quantities[name] = quantity
    }
    return quantities
  }
}
