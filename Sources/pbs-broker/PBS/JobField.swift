import Kubernetes

/// What the connector uses of a job, by the numbers under which ``FlatJob`` has it.
enum JobField: UInt8, CaseIterable, Sendable {
  case state = 1
  case substate
  case runCount
  case execHost
  case execVnode
  case comment
  case exitStatus
  case holdTypes
  case owner
  case name
  case queue
  case project
  case account
  case group
  case priority
  case estimatedStart
  // Variables of the job.
  case podUID
  case podNamespace
  case podName
  case cluster
  case scheduler
  case devices
  case recordedTerms
  /// A resource of Resource_List, whose name comes before its value. The last one.
  case resource

  /// By PBS's names of attributes.
  static let attributes = FieldNames([
    ("\(jobState)", .state), ("substate", .substate), ("run_count", .runCount),
    ("exec_host", .execHost), ("exec_vnode", .execVnode), ("comment", .comment),
    ("Exit_status", .exitStatus), ("Hold_Types", .holdTypes), ("Job_Owner", .owner),
    (JobTerms.name, .name), (JobTerms.queue, .queue), (JobTerms.project, .project),
    (JobTerms.account, .account), (JobTerms.group, .group), (JobTerms.priority, .priority),
  ])

  /// By names of variables.
  static let variables = FieldNames([
    (WellKnown.podUID, .podUID), (WellKnown.podNamespace, .podNamespace),
    (WellKnown.podName, .podName), (WellKnown.cluster, .cluster),
    (WellKnown.podScheduler, .scheduler), (WellKnown.jobDevices, .devices),
    (WellKnown.jobTerms, .recordedTerms),
  ])

  static let jobState: StaticString = "job_state"
  static let variableList: StaticString = "Variable_List"
  static let resourceList: StaticString = "Resource_List"
  static let estimated: StaticString = "estimated"
  static let startTime: StaticString = "start_time"
  static let select: StaticString = "select"
  static let proof: StaticString = "k8s_pod"

  /// Whether it matters only while a job waits.
  var isOfWaiting: Bool {
    switch self {
    case .name, .project, .account, .group, .priority, .recordedTerms, .estimatedStart: true
    default: false
    }
  }

  /// Whether a resource matters of a job that does not wait.
  static func isAlwaysUsed(resource: UnsafeRawBufferPointer) -> Bool {
    resource.isSame(as: select) || resource.isSame(as: proof)
  }
}

/// Fields by names that are octets somewhere.
struct FieldNames: Sendable {
  private let names: [(name: [UInt8], field: JobField)]

  init(_ names: [(String, JobField)]) {
    self.names = names.map { (Array($0.0.utf8), $0.1) }
  }

  func field(of name: UnsafeRawBufferPointer) -> JobField? {
    for (known, field) in names
    where known.count == name.count && known.withUnsafeBytes({ $0.isSame(as: name) }) {
      return field
    }
    return nil
  }
}
