import Testing

@testable import Startup

/// Where keys stand in a configuration.
struct YAMLLinesTests {
  @Test func keysHaveLines() {
    let text = """
      # a comment
      pbs-broker:
        limits:
          cpu: 4
          nvidia.com/gpu: 1
        namespaces: {a: {queue: x},
          b: {}}
      """
    #expect(
      YAMLValue.lines(of: text) == [
        "pbs-broker": 2, "pbs-broker.limits": 3, "pbs-broker.limits.cpu": 4,
        "pbs-broker.limits.nvidia.com/gpu": 5, "pbs-broker.namespaces": 6,
        "pbs-broker.namespaces.a": 6, "pbs-broker.namespaces.a.queue": 6,
        "pbs-broker.namespaces.b": 7,
      ])
    #expect(YAMLValue.lines(of: "a: [").isEmpty && YAMLValue.lines(of: "").isEmpty)
  }
}
