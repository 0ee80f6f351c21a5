/// A value, and what has set it: "annotation pbs-connector/queue", "pbs-broker.queue".
struct Sourced<Value: Sendable & Equatable>: Sendable, Equatable {
  var value: Value
  var source: String
}

/// Options of a job, each with what has set it; nil where nothing has.
struct JobOptions: Sendable, Equatable {
  var queue: Sourced<String>?
  /// Seconds.
  var walltime: Sourced<Int>?
  var project: Sourced<String>?
  var account: Sourced<String>?
  var group: Sourced<String>?
  var priority: Sourced<Int>?
  var place: Sourced<String>?
  /// Of the chunk, by resource; names are in small letters.
  var select: [String: Sourced<String>] = [:]
  /// Of the job, by resource.
  var resources: [String: Sourced<String>] = [:]
  /// The reservation's queue.
  var reservation: Sourced<String>?
  var hold: Sourced<Bool>?
  var depend: Sourced<[Dependency]>?
  /// Seconds since 1970.
  var beginTime: Sourced<Int>?
  var jobName: Sourced<String>?

  /// Enters an option. ``OptionKey/siteFlavour`` is none by itself, and changes nothing.
  mutating func set(
    _ key: OptionKey, _ text: String, source: String
  ) throws(OptionError) {
    switch key {
    case .queue: queue = Sourced(value: try OptionValue.queue(text), source: source)
    case .walltime: walltime = Sourced(value: try OptionValue.walltime(text), source: source)
    case .project: project = Sourced(value: try OptionValue.project(text), source: source)
    case .account: account = Sourced(value: try OptionValue.account(text), source: source)
    case .group: group = Sourced(value: try OptionValue.group(text), source: source)
    case .priority: priority = Sourced(value: try OptionValue.priority(text), source: source)
    case .place: place = Sourced(value: try OptionValue.place(text), source: source)
    case .select:
      let values = try OptionValue.chunkResources(text)
      for name in values.keys.sorted() where Self.ofThePod.contains(name) {
        throw OptionError("names \(name), which follows from the pod's own spec")
      }
      try Self.refuseReserved(values)
      select = values.mapValues { Sourced(value: $0, source: source) }
    case .resources:
      let values = try OptionValue.jobResources(text)
      for name in values.keys.sorted() {
        if name.hasSuffix("walltime") {
          throw OptionError("names \(name): the walltime has a key of its own")
        }
        if Self.ofTheSelect.contains(name) {
          throw OptionError("names \(name), which is not a resource of the job as a whole")
        }
      }
      try Self.refuseReserved(values)
      resources = values.mapValues { Sourced(value: $0, source: source) }
    case .reservation:
      reservation = Sourced(value: try OptionValue.reservation(text), source: source)
    case .hold: hold = Sourced(value: try OptionValue.hold(text), source: source)
    case .depend: depend = Sourced(value: try Dependency.list(text), source: source)
    case .beginTime: beginTime = Sourced(value: try OptionValue.beginTime(text), source: source)
    case .jobName: jobName = Sourced(value: try OptionValue.jobName(text), source: source)
    case .siteFlavour: break
    }
  }

  /// Takes over what `other` sets; of resources, each by itself.
  mutating func take(_ other: JobOptions) {
    // A queue and a reservation both say where the job goes.
    if other.queue != nil || other.reservation != nil {
      queue = other.queue
      reservation = other.reservation
    }
    walltime = other.walltime ?? walltime
    project = other.project ?? project
    account = other.account ?? account
    group = other.group ?? group
    priority = other.priority ?? priority
    place = other.place ?? place
    select.merge(other.select) { $1 }
    resources.merge(other.resources) { $1 }
    hold = other.hold ?? hold
    depend = other.depend ?? depend
    beginTime = other.beginTime ?? beginTime
    jobName = other.jobName ?? jobName
  }

  /// Whether PBS would hold the jobs of both to the same limits and rights.
  func hasSameTerms(as other: JobOptions) -> Bool {
    (reservation ?? queue)?.value == (other.reservation ?? other.queue)?.value
      && project?.value == other.project?.value && account?.value == other.account?.value
      && group?.value == other.group?.value
  }

  /// What of a chunk the pod's requests and its node say.
  private static let ofThePod: Set<String> = ["ncpus", "mem", "host", "vnode"]

  private static let ofTheSelect: Set<String> = [
    "select", "place", "nodes", "neednodes", "nodect", "resc", "preempt_targets", "mem", "ncpus",
    "host", "vnode",
  ]

  /// The connector's own resources, by which jobs prove whose they are.
  private static func refuseReserved(_ values: [String: String]) throws(OptionError) {
    for name in values.keys.sorted() where name.contains("k8s_") {
      throw OptionError("names \(name), which is the connector's")
    }
  }
}
