import Kubernetes
import Text

/// Let the volume of a claim be provisioned for the node on which the pod's job runs: the claim gets the
/// annotation ``WellKnown/selectedNode``.
public struct SelectNode: Codable, Sendable, Equatable {
  /// The pod that uses the claim. Whose it is, the message is.
  public var pod: PodReference
  /// A claim of the pod's namespace.
  public var claim: ClaimReference
  /// nil: nothing is to be done about this claim any more.
  public var node: String?
  /// The PBS job's id, "5.pbsserver".
  public var job: String

  public init(pod: PodReference, claim: ClaimReference, node: String?, job: String) {
    self.pod = pod
    self.claim = claim
    self.node = node
    self.job = job
  }

  /// "namespace/name".
  public var claimName: String { "\(pod.namespace)/\(claim.name)" }

  /// Why no honest broker sends this; nil when nothing is wrong with it.
  var problem: String? {
    if let problem = pod.problem ?? claim.problem { return problem }
    if let node, !KubernetesName.isSubdomain(node) {
      return "\(PlainText.quoted(node)) is no node's name"
    }
    return BrokerMessage.problem(ofJob: job)
  }
}

/// Which volume claim of a namespace a message is about.
public struct ClaimReference: Codable, Sendable, Hashable {
  public var uid: String
  public var name: String

  public init(uid: String, name: String) {
    self.uid = uid
    self.name = name
  }

  /// What is not a name by Kubernetes' own rules, in words; nil when all is.
  public var problem: String? {
    if !KubernetesName.isUID(uid) { return "\(PlainText.quoted(uid)) is no UID" }
    if !KubernetesName.isSubdomain(name) {
      return "\(PlainText.quoted(name)) is no volume claim's name"
    }
    return nil
  }
}

extension BinderMessage {
  /// What has become of a ``SelectNode``.
  public struct ClaimOutcome: Codable, Sendable, Equatable {
    public var pod: PodReference
    public var claim: ClaimReference
    /// The id of the message that this answers.
    public var id: Int?
    public var result: Result
    /// The API server's words, or the binder's.
    public var message: String?

    public enum Result: String, Codable, Sendable {
      /// The claim has the node, by this request or before.
      case selected
      /// It has another node, or a volume.
      case conflict
      /// No claim, or no pod, of this UID exists, or the claim is being deleted.
      case gone
      /// The pod is on a node, has finished, or is being deleted: there is nothing to do.
      case finished
      /// The API server refuses, and will again; or the pod is none of ours, or uses no such claim.
      case refused
      /// It did not work now.
      case retry
    }

    public init(
      pod: PodReference, claim: ClaimReference, id: Int? = nil, result: Result,
      message: String? = nil
    ) {
      self.pod = pod
      self.claim = claim
      self.id = id
      self.result = result
      self.message = message
    }
  }
}
