/// What a binder answers.
public enum BinderMessage: Sendable, Equatable {
  case outcome(Outcome)
  case nodeOutcome(NodeOutcome)
  case claimOutcome(ClaimOutcome)
  /// Something that this version does not know.
  case unknown(type: String)

  public struct Outcome: Codable, Sendable, Equatable {
    public var pod: PodReference
    /// The id of the message that this answers, where it had one.
    public var id: Int?
    /// The type of the message that this answers: bind, report or evict.
    public var request: String
    /// The job of that message, by which an answer to an older message of a broker that gives no
    /// ids is told apart.
    public var job: String?
    public var result: Result
    /// The API server's words, where there were some.
    public var message: String?

    public init(
      pod: PodReference, id: Int? = nil, request: String, job: String?, result: Result,
      message: String? = nil
    ) {
      self.pod = pod
      self.id = id
      self.request = request
      self.job = job
      self.result = result
      self.message = message
    }
  }

  public enum Result: String, Codable, Sendable {
    /// The pod is bound to the node asked for, by this call or before.
    case bound
    /// The pod's deletion has been asked for.
    case deleted
    /// The report has been written.
    case reported
    /// The pod of this UID does not exist.
    case gone
    /// The pod has finished, or is being deleted: there is nothing to do.
    case finished
    /// The pod is bound to another node.
    case conflict
    /// The API server refuses, and will again.
    case refused
    /// It did not work now; ask again later.
    case retry
  }
}

extension BinderMessage: Codable {
  private enum Key: String, CodingKey { case type }

  public init(from decoder: any Decoder) throws {
    let type = try decoder.container(keyedBy: Key.self).decode(String.self, forKey: .type)
    switch Kind(rawValue: type) {
    case .outcome: self = .outcome(try Outcome(from: decoder))
    case .nodeOutcome: self = .nodeOutcome(try NodeOutcome(from: decoder))
    case .claimOutcome: self = .claimOutcome(try ClaimOutcome(from: decoder))
    case nil: self = .unknown(type: type)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .outcome(let outcome):
      try container.encode(Kind.outcome.rawValue, forKey: .type)
      try outcome.encode(to: encoder)
    case .nodeOutcome(let outcome):
      try container.encode(Kind.nodeOutcome.rawValue, forKey: .type)
      try outcome.encode(to: encoder)
    case .claimOutcome(let outcome):
      try container.encode(Kind.claimOutcome.rawValue, forKey: .type)
      try outcome.encode(to: encoder)
    case .unknown(let type):
      try container.encode(type, forKey: .type)
    }
  }
}
