import Kubernetes

/// What a pod as a whole asks for, by Kubernetes' own rule.
/// (Kubernetes: "Init Containers", resource sharing; "Sidecar Containers"; "Pod Overhead".)
enum EffectiveRequest {
  /// The largest of what the pod needs at any time: its containers with all sidecars, or an
  /// init container with the sidecars started before it; plus the pod's overhead. Requests
  /// for the pod as a whole take the place of the containers'.
  /// - Parameter defaults: for a container that has neither request nor limit of a resource.
  /// - Throws: ``Refusal`` that names each container and resource whose quantity is none.
  static func of(
    _ pod: Pod, defaults: [String: Quantity]
  ) throws(Refusal) -> [String: Quantity] {
    var reader = QuantityReader()
    var running: [String: Quantity] = [:]
    for container in pod.spec.containers {
      add(reader.request(of: container, defaults: defaults), to: &running)
    }
    var sidecars: [String: Quantity] = [:]
    var starting: [String: Quantity] = [:]
    for container in pod.spec.initContainers ?? [] {
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
    if let whole = pod.spec.resources {
      total.merge(reader.quantities(whole, "the pod")) { $1 }
    }
    add(reader.parse(pod.spec.overhead ?? [:], "the pod's overhead"), to: &total)
    guard reader.causes.isEmpty else { throw Refusal(causes: reader.causes) }
    return total
  }

  private static func add(_ more: [String: Quantity], to sum: inout [String: Quantity]) {
    sum.merge(more) { $0 + $1 }
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
