/// The messages that every connection knows, whatever its roles.
public enum ControlMessage {
  /// The protocol's version. A peer of another version is told so and dropped.
  public static let protocolVersion = 1

  /// The types of these messages.
  enum Kind: String, Codable {
    case hello
    case synced
    case ping
    case pong
    case goodbye
  }

  /// The first frame each way: who speaks.
  public struct Hello: Codable, Sendable, Equatable {
    var type = Kind.hello
    public var `protocol` = ControlMessage.protocolVersion
    public var role: Role
    /// Unique among the running processes of this role, and best kept over restarts.
    public var instance: String

    public init(role: Role, instance: String) {
      self.role = role
      self.instance = instance
    }
  }

  /// Everything known at the moment of connecting has been sent.
  public struct Synced: Codable, Sendable, Equatable {
    var type = Kind.synced
    public init() {}
  }

  /// From a server, every second: the subscriber owns what names it until then.
  public struct Ping: Codable, Sendable, Equatable {
    var type = Kind.ping
    /// A moment on CLOCK_BOOTTIME, in seconds.
    public var ownsUntil: Double
    /// True from a server that stands by while another one works; nil from others.
    public var standsBy: Bool?
    public init(ownsUntil: Double, standsBy: Bool? = nil) {
      self.ownsUntil = ownsUntil
      self.standsBy = standsBy
    }
  }

  /// A subscriber's answer to each ping: it is alive.
  public struct Pong: Codable, Sendable, Equatable {
    var type = Kind.pong
    public init() {}
  }

  /// Why a connection is about to be closed.
  public struct Goodbye: Codable, Sendable, Equatable {
    var type = Kind.goodbye
    public var reason: String
    public init(reason: String) { self.reason = reason }
  }
}

/// What a process is.
public enum Role: String, Codable, Sendable {
  case kubeWatcher = "kube-watcher"
  case pbsBroker = "pbs-broker"
  case binder
  /// Sees everything and owns nothing.
  case observer
}
