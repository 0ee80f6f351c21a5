import Kubernetes
import Text

/// What pbs-broker asks of its binders. For each pod the newest message stands; a message
/// is sent until a ``BinderMessage/Outcome`` answers it.
public enum BrokerMessage: Sendable, Equatable {
  /// Bind the pod to the node on which its job runs.
  case bind(Bind)
  /// Let the pod's owner know something.
  case report(Report)
  /// The pod's job has ended: delete the pod, and say why.
  case evict(Evict)
  /// Nothing is to be done about this pod any more.
  case withdraw(PodReference)
  /// Let the node show what PBS says of its host.
  case markNode(MarkNode)
  /// Write an Event about the node.
  case noteNode(NoteNode)
  /// Let a volume claim be provisioned for the node on which the pod's job runs.
  case selectNode(SelectNode)
  /// Something that this version does not know.
  case unknown(type: String)

  public struct Bind: Codable, Sendable, Equatable {
    public var pod: PodReference
    public var node: String
    /// The PBS job's id, "5.pbsserver".
    public var job: String
    /// The job's run_count.
    public var runCount: Int
    /// The devices that PBS gave to the job on that host, with commas between them, where it told.
    public var devices: String?
    /// What PBS gave to the job, in PBS's words; nil where it is not known.
    public var execVnode: String?

    public init(
      pod: PodReference, node: String, job: String, runCount: Int, devices: String? = nil,
      execVnode: String? = nil
    ) {
      self.pod = pod
      self.node = node
      self.job = job
      self.runCount = runCount
      self.devices = devices
      self.execVnode = execVnode
    }
  }

  public struct Report: Codable, Sendable, Equatable {
    public var pod: PodReference
    public var job: String?
    /// The Event's reason: one word in CamelCase.
    public var reason: String
    public var message: String
    /// Whether the Event is a Warning.
    public var warning: Bool
    /// Whether the pod's PodScheduled condition becomes False with this message as well.
    public var unscheduled: Bool
    /// When PBS estimates that the job starts, RFC 3339; nil where it does not.
    public var estimatedStart: String?

    public init(
      pod: PodReference, job: String?, reason: String, message: String, warning: Bool,
      unscheduled: Bool, estimatedStart: String? = nil
    ) {
      self.pod = pod
      self.job = job
      self.reason = reason
      self.message = message
      self.warning = warning
      self.unscheduled = unscheduled
      self.estimatedStart = estimatedStart
    }
  }

  public struct Evict: Codable, Sendable, Equatable {
    public var pod: PodReference
    public var job: String
    /// Why the job no longer runs, in PBS's own words where it gave some.
    public var message: String

    public init(pod: PodReference, job: String, message: String) {
      self.pod = pod
      self.job = job
      self.message = message
    }
  }

  /// Why no honest broker sends this, for an outcome and a log; nil when nothing is wrong with it.
  /// Pod, node and job are names by the rules of Kubernetes and PBS, or nothing is done.
  public var problem: String? {
    if let problem = pod?.problem { return problem }
    switch self {
    case .markNode(let mark): return mark.problem
    case .noteNode(let note): return note.problem
    case .selectNode(let select): return select.problem
    case .bind(let bind):
      if !KubernetesName.isSubdomain(bind.node) {
        return "\(PlainText.quoted(bind.node)) is no node's name"
      }
      if bind.runCount < 0 { return "a run count of \(bind.runCount)" }
      if let devices = bind.devices, !Devices.areNames(devices) {
        return "\(PlainText.quoted(devices)) is no list of devices"
      }
      if let text = bind.execVnode, !Self.isExecVnode(text) {
        return "an exec_vnode of another form"
      }
      return Self.problem(ofJob: bind.job)
    case .evict(let evict): return Self.problem(ofJob: evict.job)
    case .report(let report):
      if let problem = Self.problem(ofReason: report.reason) { return problem }
      if let text = report.estimatedStart, Timestamp.parse(text) == nil {
        return "\(PlainText.quoted(text)) is no moment"
      }
      return report.job.flatMap(Self.problem(ofJob:))
    case .withdraw, .unknown: return nil
    }
  }

  /// The most characters of an exec_vnode on a pod.
  public static let execVnodeLimit = 4096

  private static func isExecVnode(_ text: String) -> Bool {
    (1...execVnodeLimit).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  static func problem(ofReason reason: String) -> String? {
    guard reason.isEmpty || reason.utf8.count > 128 || !reason.allSatisfy(\.isOfReason) else {
      return nil
    }
    return "\(PlainText.quoted(reason)) is no Event's reason"
  }

  static func problem(ofJob job: String) -> String? {
    JobID(job) == nil ? "\(PlainText.quoted(job)) is no job's id" : nil
  }

  /// The job that the message is about; nil where it says none.
  public var job: String? {
    switch self {
    case .bind(let bind): bind.job
    case .report(let report): report.job
    case .evict(let evict): evict.job
    case .selectNode(let select): select.job
    case .withdraw, .markNode, .noteNode, .unknown: nil
    }
  }

  /// The pod that the message is about.
  public var pod: PodReference? {
    switch self {
    case .bind(let bind): bind.pod
    case .report(let report): report.pod
    case .evict(let evict): evict.pod
    case .withdraw(let pod): pod
    case .selectNode(let select): select.pod
    case .markNode, .noteNode, .unknown: nil
    }
  }
}

extension BrokerMessage: Codable {
  private enum Key: String, CodingKey { case type, pod }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let type = try container.decode(String.self, forKey: .type)
    switch Kind(rawValue: type) {
    case .bind: self = .bind(try Bind(from: decoder))
    case .report: self = .report(try Report(from: decoder))
    case .evict: self = .evict(try Evict(from: decoder))
    case .withdraw: self = .withdraw(try container.decode(PodReference.self, forKey: .pod))
    case .markNode: self = .markNode(try MarkNode(from: decoder))
    case .noteNode: self = .noteNode(try NoteNode(from: decoder))
    case .selectNode: self = .selectNode(try SelectNode(from: decoder))
    case nil: self = .unknown(type: type)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .bind(let bind):
      try container.encode(Kind.bind.rawValue, forKey: .type)
      try bind.encode(to: encoder)
    case .report(let report):
      try container.encode(Kind.report.rawValue, forKey: .type)
      try report.encode(to: encoder)
    case .evict(let evict):
      try container.encode(Kind.evict.rawValue, forKey: .type)
      try evict.encode(to: encoder)
    case .withdraw(let pod):
      try container.encode(Kind.withdraw.rawValue, forKey: .type)
      try container.encode(pod, forKey: .pod)
    case .markNode(let mark):
      try container.encode(Kind.markNode.rawValue, forKey: .type)
      try mark.encode(to: encoder)
    case .noteNode(let note):
      try container.encode(Kind.noteNode.rawValue, forKey: .type)
      try note.encode(to: encoder)
    case .selectNode(let select):
      try container.encode(Kind.selectNode.rawValue, forKey: .type)
      try select.encode(to: encoder)
    case .unknown(let type):
      try container.encode(type, forKey: .type)
    }
  }
}

/// A broker's message with the binder that is to act on it.
public struct OwnedBrokerMessage: Decodable, Sendable {
  public var owner: String?
  /// Which asking this is: the broker's number for it, which the outcome repeats. Two messages
  /// of different ids are different work, also when their words are the same. nil from a broker
  /// of an older release.
  public var id: Int?
  public var message: BrokerMessage

  private enum Key: CodingKey { case owner, id }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    owner = try container.decodeIfPresent(String.self, forKey: .owner)
    id = try container.decodeIfPresent(Int.self, forKey: .id)
    message = try BrokerMessage(from: decoder)
  }
}

extension Character {
  fileprivate var isOfReason: Bool { isASCII && (isLetter || isNumber) }
}
