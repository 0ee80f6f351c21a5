import Testing

@testable import Kubernetes
@testable import Startup
@testable import pbs_broker

@Suite struct SettingsTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func settings(_ text: String, program: String = "pbs-broker") throws -> Settings {
    try Settings(path: folder.write("config.yaml", text), program: program)
  }

  /// The one line that a user sees, with the file's path taken out.
  private func complaint(_ body: () throws -> Void) -> String? {
    let error = #expect(throws: StartupError.self, performing: body)
    return error.map { error in
      let path = "\(folder.path)/config.yaml"
      let parts = error.description.split(separator: path, omittingEmptySubsequences: false)
      return parts.joined(separator: "FILE")
    }
  }

  @Test(arguments: ["", "# nothing", "pbs-broker:", "pbs-broker: {}", "binder:\n  kubeconfig: /x"])
  func anEmptyFileSetsNothing(_ text: String) throws {
    let settings = try settings(text)
    #expect(try settings.text("socket") == nil)
    #expect(try settings.texts("socket") == nil)
    #expect(try settings.table("hosts") == nil)
    #expect(try settings.number("look-interval", in: 0...1) == nil)
    #expect(try settings.count("vanish-least", in: 0...1) == nil)
    #expect(try settings.flag("leader-elect") == nil)
    #expect(try settings.word("bind-when", BindWhen.self) == nil)
    try settings.finish()
  }

  @Test func readsEachType() throws {
    let settings = try settings(
      """
      log-level: debug
      pbs-broker:
        socket: /run/x.sock
        watcher: [/a, /b]
        queue: one
        hosts: {mom1: node1, mom2: node2}
        look-interval: 0.5
        vanish-least: 12
        flag: true
        bind-when: prerun
        nothing: ~
      binder:
        log-level: error
        anything: of the others is not our business
      """)
    #expect(try settings.text("log-level") == "debug")
    #expect(try settings.text("socket") == "/run/x.sock")
    #expect(try settings.texts("watcher") == ["/a", "/b"])
    #expect(try settings.texts("queue") == ["one"])
    #expect(try settings.table("hosts") == ["mom1": "node1", "mom2": "node2"])
    #expect(try settings.number("look-interval", in: 0...1) == 0.5)
    #expect(try settings.count("vanish-least", in: 0...100) == 12)
    #expect(try settings.flag("flag") == true)
    #expect(try settings.word("bind-when", BindWhen.self) == .prerun)
    #expect(try settings.text("nothing") == nil)
    try settings.finish()
  }

  @Test func ownKeysComeBeforeCommonOnes() throws {
    let settings = try settings("log-level: debug\npbs-broker: {log-level: error}")
    #expect(try settings.text("log-level") == "error")
  }

  /// A file, and the one line about it.
  @Test(arguments: [
    ("colour: blue", "FILE: colour is not a known key"),
    ("socket: /x", "FILE: socket is not a known key"),
    ("pbs-broker: {soket: /x}", "FILE: pbs-broker.soket is not a known key"),
    ("pbs-broker: {socket: /x, socket: /y}", "FILE: pbs-broker.socket stands twice"),
    ("binder: {broker: /x, broker: /y}", "FILE: binder.broker stands twice"),
    ("log-level: info\nlog-level: debug", "FILE: log-level stands twice"),
    ("- a", "FILE: the file must be a mapping"),
    ("text", "FILE: the file must be a mapping"),
    ("pbs-broker: [a]", "FILE: pbs-broker must be a mapping"),
    ("kube-watcher: text", "FILE: kube-watcher must be a mapping"),
  ])
  func refusesTheFile(_ text: String, _ words: String) {
    let complaint = complaint {
      let settings = try settings(text)
      _ = try settings.text("socket")
      try settings.finish()
    }
    #expect(complaint == words)
  }

  @Test func refusesWhatIsNotYAML() {
    let complaint = complaint { _ = try settings("pbs-broker: {socket: /x") }
    #expect(complaint?.hasPrefix("FILE: line ") == true)
  }

  @Test func aFileThatWasAskedForMustExist() {
    let error = #expect(throws: StartupError.self) {
      try Settings(path: "\(folder.path)/none.yaml", program: "binder")
    }
    #expect(
      error?.description == "configuration: \(folder.path)/none.yaml: No such file or directory")
  }

  /// A key of pbs-broker with its value, and the one line about it.
  @Test(arguments: [
    ("queue: [a]", "queue must be a text"),
    ("queue: {a: b}", "queue must be a text"),
    ("placeholder: {a: b}", "placeholder must be a text or a list of texts"),
    ("placeholder: [a, [b]]", "placeholder must be a list of texts"),
    (
      "placeholder: [sleep, infinity]",
      "placeholder must be a list: an absolute path and its arguments"
    ),
    ("placeholder: []", "placeholder must be a list: an absolute path and its arguments"),
    ("hosts: [a]", "hosts must be a mapping"),
    ("hosts: {a: [b]}", "hosts.a must be a text"),
    ("resources: text", "resources must be a mapping"),
    ("look-interval: soon", "look-interval must be a number from 0.05 to 3600"),
    ("look-interval: 0", "look-interval must be a number from 0.05 to 3600"),
    ("look-interval: nan", "look-interval must be a number from 0.05 to 3600"),
    ("look-interval: -1", "look-interval must be a number from 0.05 to 3600"),
    ("submissions-in-flight: 1.5", "submissions-in-flight must be a whole number from 1 to 256"),
    ("submissions-in-flight: 0", "submissions-in-flight must be a whole number from 1 to 256"),
    (
      "submissions-in-flight: 99999999999999999999",
      "submissions-in-flight must be a whole number from 1 to 256"
    ),
    ("vanish-share: 1.1", "vanish-share must be a number from 0 to 1"),
    ("bind-when: later", "bind-when must be run or prerun"),
    ("default-cpu: two", "default-cpu must be a quantity"),
    ("default-memory: 1 GB", "default-memory must be a quantity"),
  ])
  func refusesAValueOfPBSBroker(_ line: String, _ words: String) {
    let complaint = complaint { _ = try BrokerSettings(settings("pbs-broker:\n  \(line)")) }
    #expect(complaint == "FILE: pbs-broker.\(words)")
  }

  @Test(arguments: ["yes", "True", "1", "on"])
  func aFlagIsTrueOrFalse(_ text: String) {
    let complaint = complaint { _ = try settings("pbs-broker: {flag: \(text)}").flag("flag") }
    #expect(complaint == "FILE: pbs-broker.flag must be true or false")
  }

  @Test func pbsBrokerHasDefaults() throws {
    let settings = try BrokerSettings(settings(""))
    #expect(
      try settings.policy.base.defaults == ["cpu": Quantity("1"), "memory": Quantity("256Mi")])
    #expect(settings.bindWhen == .run)
    #expect(settings.commandTimeout == 60)
    #expect(settings.terminatingPatience == 300)
    #expect(
      settings.vanishShare == 0.2 && settings.vanishLeast == 10 && settings.vanishInterval == 30)
    #expect(settings.placeholder == ["/bin/sleep", "infinity"])
  }

  @Test func pbsBrokerKnowsAllItsKeys() throws {
    let settings = try settings(
      """
      pbs-broker:
        default-cpu: 100m
        default-memory: 1Gi
        resources: {nvidia.com/gpu: ngpus}
        queue: pods
        bind-when: prerun
        hosts: {mom1: node1}
        submissions-in-flight: 2
        look-interval: 2
        look-interval-with-hints: 60
        command-timeout: 7
        orphan-grace: 10
        terminating-patience: 20
        vanish-share: 0.5
        vanish-least: 3
        vanish-interval: 5
        placeholder: [/bin/cat]
      """)
    let broker = try BrokerSettings(settings)
    try settings.finish()
    #expect(
      try broker.policy.base.defaults == ["cpu": Quantity("100m"), "memory": Quantity("1Gi")])
    #expect(broker.policy.resources == ["nvidia.com/gpu": .resource("ngpus")])
    #expect(broker.policy.base.options.queue?.value == "pods")
    #expect(broker.bindWhen == .prerun)
    #expect(broker.hosts == ["mom1": "node1"])
    #expect(broker.submissionsInFlight == 2)
    #expect(broker.lookInterval == 2 && broker.lookIntervalWithHints == 60)
    #expect(broker.commandTimeout == 7)
    #expect(broker.orphanGrace == 10 && broker.terminatingPatience == 20)
    #expect(broker.vanishShare == 0.5 && broker.vanishLeast == 3 && broker.vanishInterval == 5)
    #expect(broker.placeholder == ["/bin/cat"])
  }
}
