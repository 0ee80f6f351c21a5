/// A change of a job that waits, since its pod asks for something else than when it was submitted.
struct JobEdit: Sendable, Equatable {
  var job: String
  /// Attributes to alter; an empty value takes one away.
  var attributes: [JobAttribute] = []
  /// The queue to move it to.
  var queue: String?
  /// Whether a user hold is to be set, or taken away.
  var hold: Bool?
  /// What the pod asks for then.
  var terms: JobTerms

  /// What changes, by PBS's names, for the log and the pod's owner.
  var words: String {
    let names =
      attributes.map { $0.resource ?? $0.name } + [queue.map { "queue \($0)" }].compactMap(\.self)
      + [hold.map { $0 ? "hold" : "release" }].compactMap(\.self)
    return names.sorted().joined(separator: ", ")
  }

  /// What follows from a pod's change.
  enum Plan: Sendable, Equatable {
    case none
    case edit(JobEdit)
    /// PBS cannot change it so: why, in words for after the job's id.
    case anew(String)
  }

  /// What is to be done to a job that waits.
  /// - Parameters:
  ///   - job: as PBS tells it.
  ///   - asked: what PBS was asked for last; see ``settled(_:told:wanted:)``.
  ///   - wanted: what the pod asks for now.
  ///   - canMove: whether our user may move it.
  static func plan(
    _ job: Job, asked: JobTerms, wanted: JobDescription, canMove: Bool
  ) -> Plan {
    let terms = JobTerms(wanted)
    guard asked != terms else { return .none }
    var edit = JobEdit(job: job.id, terms: terms)
    let names = Set(asked.values.keys).union(terms.values.keys).sorted()
    for name in names where !JobTerms.isSame(name, asked.values[name], terms.values[name]) {
      let value = terms.values[name]
      if let told = job.terms, JobTerms.isTold(name),
        JobTerms.isSame(name, told.values[name], value)
      {
        continue
      }
      // Submitted for the only host without a taint, which it still is.
      if name == JobTerms.select, JobTerms.isSame(name, asked.values[name], wanted.submittedSelect)
      {
        continue
      }
      switch (name, value) {
      case (JobTerms.hold, _): edit.hold = value != nil
      case (JobTerms.queue, let value?) where canMove: edit.queue = value
      case (JobTerms.queue, _):
        return .anew("its pod asks for the queue \(value ?? "that is PBS's default")")
      case (JobTerms.owner, let user?):
        // A job of before users were recorded may be his all the same.
        guard asked.values[name] == nil, job.isOwned(by: user) else {
          return .anew("the jobs of its namespace are PBS user \(user)'s now")
        }
      case (JobTerms.owner, nil):
        return .anew("the jobs of its namespace are pbs-broker's own now")
      case (JobTerms.group, nil), (JobTerms.depend, nil):
        return .anew("its pod asks for no \(name) any more, which PBS cannot take away")
      case (JobTerms.depend, _):
        guard let depend = wanted.depend else {
          return .anew("its pod's dependencies are fulfilled, which PBS cannot take away")
        }
        edit.attributes.append(JobAttribute(name, depend))
      case (JobTerms.beginTime, nil): edit.attributes.append(JobAttribute(name, longAgo))
      case (JobTerms.priority, nil): edit.attributes.append(JobAttribute(name, "0"))
      // PBS takes no empty place, and gives this one to who asks for none.
      case (JobTerms.place, nil): edit.attributes.append(attribute(name, "free"))
      case (JobTerms.project, nil):
        edit.attributes.append(JobAttribute(name, "_pbs_project_default"))
      default: edit.attributes.append(attribute(name, value ?? ""))
      }
    }
    let isNothing = edit.attributes.isEmpty && edit.queue == nil && edit.hold == nil
    return isNothing ? .none : .edit(edit)
  }

  /// A begin time that no job waits for.
  private static let longAgo = "86400"

  private static func attribute(_ name: String, _ value: String) -> JobAttribute {
    guard name.hasPrefix(JobTerms.resourcePrefix) else { return JobAttribute(name, value) }
    let resource = String(name.dropFirst(JobTerms.resourcePrefix.count))
    // As PBS writes it, which a proof of submission signs.
    let duration = name == JobTerms.walltime ? Int(value).map(PBSAlteration.duration) : nil
    return JobAttribute("Resource_List", duration ?? value, resource: resource)
  }

  /// What PBS counts as asked for, after a look at the job.
  ///
  /// What differs from what was asked, while the pod asks for the same as ever, PBS's side has
  /// changed: that is followed, not fought. What PBS has as the pod asks for it now counts as asked.
  static func settled(_ asked: JobTerms, told: JobTerms?, wanted: JobTerms) -> JobTerms {
    guard asked != wanted, let told else { return asked }
    var settled = asked
    for name in Set(asked.values.keys).union(wanted.values.keys)
    where JobTerms.isTold(name) && JobTerms.isSame(name, told.values[name], wanted.values[name]) {
      settled.values[name] = wanted.values[name]
    }
    return settled
  }

  /// The same for a job that somebody else has submitted, or this broker before it was started
  /// anew: `recorded` is what its submission said. Where PBS has something else than that, who has
  /// changed it last is not known; it is left as it is until the pod changes again.
  static func met(_ recorded: JobTerms?, told: JobTerms?, wanted: JobTerms) -> JobTerms {
    guard let recorded else { return wanted }
    guard let told else { return recorded }
    var met = settled(recorded, told: told, wanted: wanted)
    for (name, value) in recorded.values
    where JobTerms.isTold(name) && !JobTerms.isSame(name, told.values[name], value) {
      met.values[name] = wanted.values[name]
    }
    return met
  }
}
