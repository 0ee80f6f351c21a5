import Testing

@testable import Kubernetes
@testable import pbs_broker

/// Kubernetes' rule for what a pod as a whole asks for ("Init Containers", resource sharing;
/// "Sidecar Containers"; "Pod Overhead"; "Assign Pod-level CPU and memory resources").
@Suite struct EffectiveRequestTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var spec: String
    var cpu: String?
    var memory: String?
    var testDescription: String { name }
  }

  static let defaults = ["cpu": "1", "memory": "256Mi"]

  static let cases = [
    Case(
      name: "one container",
      spec:
        #""containers": [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "640Mi"}}}]"#,
      cpu: "1", memory: "640Mi"),
    Case(
      name: "containers add up before anything is rounded",
      spec: #"""
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "300m", "memory": "100M"}}},
                       {"name": "b", "resources": {"requests": {"cpu": "300m", "memory": "1Mi"}}}]
        """#,
      cpu: "600m", memory: "101048576"),
    Case(
      name: "requests count, not limits",
      spec: #"""
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "640Mi"},
                                                   "limits": {"cpu": "3", "memory": "700Mi"}}}]
        """#,
      cpu: "1", memory: "640Mi"),
    Case(
      name: "limits where there is no request, by resource",
      spec: #"""
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "2"},
                                                   "limits": {"cpu": "3", "memory": "700Mi"}}}]
        """#,
      cpu: "2", memory: "700Mi"),
    Case(
      name: "defaults where there is neither, by container and resource",
      spec: #"""
        "containers": [{"name": "a"}, {"name": "b", "resources": {"requests": {"cpu": "2"}}}]
        """#,
      cpu: "3", memory: "512Mi"),
    Case(
      name: "a request of zero is a request",
      spec:
        #""containers": [{"name": "a", "resources": {"requests": {"cpu": "0", "memory": "0"}}}]"#,
      cpu: "0", memory: "0"),
    Case(
      name: "the largest init container, by resource",
      spec: #"""
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}],
        "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "4", "memory": "1Mi"}}},
                           {"name": "j", "resources": {"requests": {"cpu": "2", "memory": "2Gi"}}}]
        """#,
      cpu: "4", memory: "2Gi"),
    Case(
      name: "a small init container changes nothing, and needs no default",
      spec: #"""
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "100m", "memory": "1Mi"}}}],
        "initContainers": [{"name": "i"}]
        """#,
      cpu: "100m", memory: "1Mi"),
    Case(
      name: "a sidecar runs beside the containers",
      spec: #"""
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}],
        "initContainers": [{"name": "s", "restartPolicy": "Always",
                            "resources": {"requests": {"cpu": "500m", "memory": "128Mi"}}}]
        """#,
      cpu: "1500m", memory: "1152Mi"),
    Case(
      name: "a sidecar runs beside the init containers after it",
      spec: #"""
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "1Mi"}}}],
        "initContainers": [{"name": "s", "restartPolicy": "Always",
                            "resources": {"requests": {"cpu": "1", "memory": "1Mi"}}},
                           {"name": "i", "resources": {"requests": {"cpu": "4", "memory": "1Mi"}}}]
        """#,
      cpu: "5", memory: "2Mi"),
    Case(
      name: "but not beside those before it",
      spec: #"""
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "1Mi"}}}],
        "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "4", "memory": "1Mi"}}},
                           {"name": "s", "restartPolicy": "Always",
                            "resources": {"requests": {"cpu": "1", "memory": "1Mi"}}}]
        """#,
      cpu: "4", memory: "2Mi"),
    Case(
      name: "overhead comes on top of the largest",
      spec: #"""
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}],
        "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "2"}}}],
        "overhead": {"cpu": "250m", "memory": "120Mi"}
        """#,
      cpu: "2250m", memory: "1144Mi"),
    Case(
      name: "requests for the pod as a whole take the containers' place, by resource",
      spec: #"""
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}],
        "resources": {"requests": {"cpu": "3"}}, "overhead": {"cpu": "1"}
        """#,
      cpu: "4", memory: "1Gi"),
    Case(
      name: "limits for the pod as a whole, where it has no requests",
      spec: #"""
        "containers": [{"name": "a"}], "resources": {"limits": {"cpu": "3", "memory": "2Gi"}}
        """#,
      cpu: "3", memory: "2Gi"),
  ]

  @Test(arguments: cases)
  func adds(_ item: Case) throws {
    let defaults = try Self.defaults.mapValues { try Quantity($0) }
    let request = try EffectiveRequest.of(.with(spec: item.spec), defaults: defaults)
    #expect(try request["cpu"] == item.cpu.map { try Quantity($0) })
    #expect(try request["memory"] == item.memory.map { try Quantity($0) })
  }

  @Test func withoutDefaultsNothingIsMadeUp() throws {
    let request = try EffectiveRequest.of(
      .with(spec: #""containers": [{"name": "a"}]"#), defaults: [:])
    #expect(request.isEmpty)
  }

  @Test func otherResourcesAddUpAsWell() throws {
    let spec = #"""
      "containers": [{"name": "a", "resources": {"limits": {"nvidia.com/gpu": "1"}}},
                     {"name": "b", "resources": {"limits": {"nvidia.com/gpu": "2"}}}]
      """#
    let request = try EffectiveRequest.of(.with(spec: spec), defaults: [:])
    #expect(try request == ["nvidia.com/gpu": Quantity("3")])
  }

  /// A spec, and the words of its refusal.
  @Test(arguments: [
    (
      #""containers": [{"name": "web", "resources": {"requests": {"cpu": "two"}}}]"#,
      #"container web requests cpu "two" is not a quantity"#
    ),
    (
      #""containers": [{"name": "web", "resources": {"limits": {"memory": "1 GB"}}}]"#,
      #"container web requests memory "1 GB" is not a quantity"#
    ),
    (
      #""containers": [{"name": "web", "resources": {"requests": {"cpu": "-1"}}}]"#,
      "container web requests cpu -1, which is negative"
    ),
    (
      #""containers": [{"name": "web"}], "initContainers": [{"name": "set-up", "resources": {"requests": {"cpu": ""}}}]"#,
      #"container set-up requests cpu "" is not a quantity"#
    ),
    (
      #""containers": [{"name": "web"}], "overhead": {"memory": "much"}"#,
      #"the pod's overhead requests memory "much" is not a quantity"#
    ),
    (
      #""containers": [{"name": "web"}], "resources": {"requests": {"memory": "99Ei"}}"#,
      #"the pod requests memory "99Ei" is not a quantity"#
    ),
  ])
  func refusesAndNamesTheContainer(_ spec: String, _ words: String) throws {
    let pod = try Pod.with(spec: spec)
    let refusal = #expect(throws: Refusal.self) { try EffectiveRequest.of(pod, defaults: [:]) }
    #expect(refusal?.causes == [words])
  }

  @Test func allThatIsWrongIsNamedInOneOrder() throws {
    let pod = try Pod.with(
      spec: #"""
        "containers": [{"name": "b", "resources": {"requests": {"memory": "x", "cpu": "y"}}},
                       {"name": "a", "resources": {"requests": {"cpu": "-1"}}}]
        """#)
    let refusal = #expect(throws: Refusal.self) { try EffectiveRequest.of(pod, defaults: [:]) }
    #expect(
      refusal?.description
        == #"container a requests cpu -1, which is negative; container b requests cpu "y" is not a quantity; container b requests memory "x" is not a quantity"#
    )
  }
}
