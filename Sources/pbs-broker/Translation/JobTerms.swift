/// What of a job may be edited while it waits, as it was asked of PBS: values by PBS's names of
/// attributes ("Priority", "Resource_List.walltime", "queue"). What is not asked for is not there.
///
/// They travel in the job (``WellKnown/jobTerms``), so that whoever meets it later can tell what its
/// pod has changed since from what PBS's side has changed.
struct JobTerms: Sendable, Equatable {
  static let name = "Job_Name"
  static let queue = "queue"
  static let project = "project"
  static let account = "Account_Name"
  static let group = "group_list"
  static let priority = "Priority"
  static let depend = "depend"
  static let beginTime = "Execution_Time"
  static let hold = "Hold_Types"
  /// Without the host; what is not here is our own user's.
  static let owner = "Job_Owner"
  static let resourcePrefix = "Resource_List."
  static let select = "\(resourcePrefix)select"
  static let place = "\(resourcePrefix)place"
  static let walltime = "\(resourcePrefix)walltime"

  var values: [String: String]

  init(values: [String: String] = [:]) {
    self.values = values
  }

  init(_ job: JobDescription) {
    values = [Self.name: job.name, Self.select: job.select]
    for (name, value) in [
      (Self.queue, job.queue), (Self.project, job.project), (Self.account, job.account),
      (Self.group, job.group), (Self.priority, job.priority.map(String.init)),
      // As the pod says it: the jobs of the pods that it names come and go.
      (Self.depend, job.dependsOn), (Self.beginTime, job.beginTime.map(String.init)),
      (Self.hold, job.isHeld ? "u" : nil), (Self.walltime, job.walltime.map(String.init)),
      (Self.place, job.place), (Self.owner, job.user),
    ] {
      values[name] = value
    }
    for (name, value) in job.resources { values[Self.resourcePrefix + name] = value }
  }

  /// What a submission asks for.
  init(submitted job: JobDescription) {
    self.init(job)
    values[Self.select] = job.submittedSelect
  }

  /// As a variable has it: "Job_Name=redis Priority=5". No value that PBS is asked for has a blank.
  var text: String {
    values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
  }

  /// Reads ``text``; nil for nil, and for what is none.
  init?(_ text: String?) {
    guard let text else { return nil }
    values = [:]
    for item in text.split(separator: " ") {
      guard let sign = item.firstIndex(of: "="), sign != item.startIndex else { return nil }
      values[String(item[..<sign])] = String(item[item.index(after: sign)...])
    }
    guard !values.isEmpty else { return nil }
  }

  // MARK: What PBS says

  /// Of these PBS's word is another than was asked for: job ids for pods, moments in words, users with
  /// their hosts.
  private static let untold: Set<String> = [depend, beginTime, owner]

  /// Whether PBS tells a value that can be compared.
  static func isTold(_ name: String) -> Bool { !untold.contains(name) }

  /// What a job has that does not ask for it, where that is always the same.
  private static let standard = [priority: "0", project: "_pbs_project_default"]

  /// Whether two values of one attribute mean the same to PBS; nil stands for none.
  static func isSame(_ name: String, _ first: String?, _ second: String?) -> Bool {
    let values = [first, second].map { $0 ?? standard[name] }
    if values[0] == values[1] { return true }
    guard let first = values[0], let second = values[1] else { return false }
    if name == select { return isSameSelect(first, second) }
    guard name.hasPrefix(resourcePrefix) else { return false }
    if let first = seconds(first), let second = seconds(second) { return first == second }
    guard let first = PBSSelect.amount(first), let second = PBSSelect.amount(second) else {
      return first.lowercased() == second.lowercased()
    }
    return first == second
  }

  private static func isSameSelect(_ first: String, _ second: String) -> Bool {
    guard let first = PBSSelect(first), let second = PBSSelect(second),
      first.chunks.count == second.chunks.count
    else { return false }
    return zip(first.chunks, second.chunks).allSatisfy { one, other in
      one.keys == other.keys
        && one.allSatisfy { isSame("\(resourcePrefix)\($0.key)", $0.value, other[$0.key]) }
    }
  }

  /// A duration: "3600", "01:00:00"; nil for everything else.
  private static func seconds(_ text: String) -> Int? {
    var sum = 0
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 3 else { return nil }
    for part in parts {
      guard let number = Int(part), (0...Int(UInt32.max)).contains(number) else { return nil }
      sum = sum * 60 + number
    }
    return sum
  }
}
