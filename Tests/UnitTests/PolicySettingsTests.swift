import Testing

@testable import Startup
@testable import pbs_broker

/// The policy of the configuration file, and the one line about each mistake in it.
@Suite struct PolicySettingsTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func settings(_ text: String) throws -> BrokerSettings {
    let path = try folder.write("config.yaml", "pbs-broker:\n  \(text)")
    let settings = try Settings(path: path, program: "pbs-broker")
    let broker = try BrokerSettings(settings)
    try settings.finish()
    return broker
  }

  /// What stands below pbs-broker, and what is said of it after the file's name.
  @Test(arguments: [
    ("queue: a b", #"queue: "a b" is not a queue's name"#),
    ("project: a,b", #"project: "a,b" is not a project's name"#),
    ("account: a b", #"account: "a b" is not an account's name"#),
    ("user: 1000", #"user: "1000" is no name of a user"#),
    ("user: a b", #"user: "a b" is no name of a user"#),
    ("user: -a", #"user: "-a" is no name of a user"#),
    ("user: root", "user: jobs of pods are never root's"),
    (
      "namespaces: {a: {user: root}}", "namespaces.a.user: jobs of pods are never root's"
    ),
    (
      "namespaces: {a: {user: daemon}}",
      "namespaces.a.user: the id of user daemon, 1, is below pbs-broker.least-uid, 1000"
    ),
    ("least-uid: 0", "least-uid must be a whole number from 1 to 4294967294"),
    ("group: a@b", #"group: "a@b" is not a group's name"#),
    (
      "default-walltime: 1d",
      #"default-walltime: "1d" is not a walltime (HH:MM:SS, seconds, or 1h30m)"#
    ),
    (
      "longest-walltime: 0",
      #"longest-walltime: "0" is not a walltime (HH:MM:SS, seconds, or 1h30m)"#
    ),
    (
      "{default-walltime: 2h, longest-walltime: 1h}",
      "default-walltime must be at most pbs-broker.longest-walltime, 3600 s"
    ),
    ("limits: [a]", "limits must be a mapping"),
    ("limits: {cpu: two}", "limits.cpu must be a quantity"),
    ("limits: {cpu: -2}", "limits.cpu must be a quantity"),
    ("limits: {cpu: 1, cpu: 2}", "limits.cpu stands twice"),
    (
      "annotations: [qeue]",
      #"annotations: "qeue" is none of all, queue, walltime, project, account, group, priority, place, select, resources, reservation, hold, depend, begin-time, job-name, site-flavour"#
    ),
    ("annotations: {queue: a}", "annotations must be a text or a list of texts"),
    ("flavours: [big]", "flavours must be a mapping"),
    ("flavours: {big: gpu}", "flavours.big must be a mapping"),
    ("flavours: {big: [gpu]}", "flavours.big must be a mapping or a text"),
    ("flavours: {big: {qeue: gpu}}", "flavours.big.qeue is not a known key"),
    ("flavours: {big: {depend: after:5}}", "flavours.big.depend is not a known key"),
    (
      "flavours: {big: {priority: 5000}}",
      #"flavours.big.priority: "5000" is not a whole number from -1024 to 1023"#
    ),
    (
      "flavours: {big: {select: 'ncpus=2'}}",
      "flavours.big.select: names ncpus, which follows from the pod's own spec"
    ),
    (
      "priority-classes: {high: 5000}",
      #"priority-classes.high: "5000" is not a whole number from -1024 to 1023"#
    ),
    ("priority-classes: {high: a b}", #"priority-classes.high: "a b" is not a queue's name"#),
    ("priority-classes: {high: {prio: 5}}", "priority-classes.high.prio is not a known key"),
    (
      "priority-classes: {high: {queue: a b}}",
      #"priority-classes.high.queue: "a b" is not a queue's name"#
    ),
    ("resources: {memory: vmem}", "resources.memory: memory is mem, always"),
    (
      "resources: {cpu: ignore}",
      #"resources.cpu: "ignore" is no resource that a pod may become"#
    ),
    ("resources: {x: ncpus}", #"resources.x: "ncpus" is no resource that a pod may become"#),
    ("resources: {x: k8s_pod}", #"resources.x: "k8s_pod" is no resource that a pod may become"#),
    ("resources: {x: 'a:b'}", #"resources.x: "a:b" is no resource that a pod may become"#),
    (
      "resources: {x: {unit: 1}}",
      "resources.x must be a PBS resource, or have one in its key resource"
    ),
    ("resources: {x: {resource: a, unit: 0}}", "resources.x.unit must be more than 0"),
    ("resources: {x: {resource: a, unit: b}}", "resources.x.unit must be a quantity"),
    ("resources: {x: {resource: a, size: 1}}", "resources.x.size is not a known key"),
    (
      "node-labels: {disk: host}", #"node-labels.disk: "host" is no resource that a pod may become"#
    ),
    (
      "{resources: {x: disk}, node-labels: {disk: Disk}}",
      "node-labels.disk: Disk is one of pbs-broker.resources"
    ),
    ("namespaces: [a]", "namespaces must be a mapping"),
    ("namespaces: {a: b}", "namespaces.a must be a mapping, or left-out"),
    ("namespaces: {A_B: {}}", "namespaces.A_B: no namespace is called that"),
    ("namespaces: {a: {}, a: {}}", "namespaces.a stands twice"),
    ("namespaces: {a: {look-interval: 1}}", "namespaces.a.look-interval is not a known key"),
    ("namespaces: {a: {default-cpu: x}}", "namespaces.a.default-cpu must be a quantity"),
    (
      "namespaces: {a*: {flavours: {big: {queue: a b}}}}",
      #"namespaces.a*.flavours.big.queue: "a b" is not a queue's name"#
    ),
    ("colour: blue", "colour is not a known key"),
  ])
  func refuses(_ text: String, _ words: String) {
    let error = #expect(throws: StartupError.self) { _ = try settings(text) }
    #expect(error?.description == "\(folder.path)/config.yaml: pbs-broker.\(words)")
  }

  /// A pattern, a text, and whether it matches.
  @Test(arguments: [
    ("*", "", true), ("*", "a", true), ("a", "a", true), ("a", "ab", false), ("a*", "a", true),
    ("a*", "ab", true), ("a*", "ba", false), ("*a", "ba", true), ("a*a", "a", false),
    ("a*a", "aa", true), ("a*b*c", "a-b-c", true), ("a*b*c", "acb", false), ("a**b", "ab", true),
    ("*b*", "abc", true), ("*b*", "ac", false), ("a*b*b", "ab", false), ("", "", true),
  ])
  func aPatternMatches(_ pattern: String, _ text: String, _ matches: Bool) {
    #expect(Wildcard.matches(pattern, text) == matches)
  }

  /// A namespace and the entry that it has, of these.
  @Test(arguments: [
    ("a", "a"), ("ac", "a*"), ("ab", "ab*"), ("abc", "ab*"), ("xyz", "*z"), ("xa", "default"),
    ("kube-x", nil),
    ("default", "default"),
  ])
  func aNamespaceHasOneEntry(_ namespace: String, _ entry: String?) throws {
    let settings = try settings(
      """
      namespaces:
          a: {}
          a*: {}
          ab*: {}
          "*z":
          kube-*: left-out
          default: {}
      """)
    let key = settings.policy.policy(for: namespace)?.key
    #expect(key == entry.map { "pbs-broker.namespaces.\($0)" })
  }

  @Test func withoutEntriesAllNamespacesAreAlike() throws {
    #expect(try settings("queue: pods").policy.policy(for: "any")?.key == "pbs-broker")
  }
}
