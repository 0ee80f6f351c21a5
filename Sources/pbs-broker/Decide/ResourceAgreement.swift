import Kubernetes
import Messages

/// What a PBS host is to have where Kubernetes is the source (`sync-resources`): what its node has
/// for pods, less what is there for good, DaemonSets and static pods. Pure.
///
/// What was set is written beside it (``CapacityMark``), so that a value of another's is known as
/// such. A value goes down at once; up only when the node has had more for all of a rest, since the
/// pod of a DaemonSet that is replaced is away for a moment.
enum ResourceAgreement {
  /// A resource of PBS, in what it is counted: of memory octets.
  typealias Values = [String: Int]

  /// What is to be set in PBS.
  struct Step: Sendable, Equatable {
    /// Resources that change, by name; never empty of the mark.
    var values: Values = [:]
    var mark: CapacityMark
    /// Resources that somebody has set by hand after us, which are left alone.
    var overruled: [String] = []
  }

  /// Since when a value may go up, and the least that was wanted since.
  struct Rise: Sendable, Equatable {
    var since: Double
    var least: Int
  }

  /// What a node's host is to have; nil while the node does not tell.
  /// - Parameter cpu: what stands for cpu in PBS; nil: ncpus.
  static func wanted(
    _ node: Node, _ use: NodeUse, cpu: TranslationPolicy.Counterpart?
  ) -> Values? {
    guard node.isReady, let all = node.status?.allocatable, all["cpu"] > 0, all["memory"] > 0
    else { return nil }
    var values: Values = [:]
    let memory = max(all["memory"] &- use.daemons["memory"], 0)
    values[memoryName] = memory / 1024 * 1024
    let free = max(all["cpu"] &- use.daemons["cpu"], 0)
    switch cpu {
    case .ignored: break
    case .resource(let name, let unit):
      values[name] = free / max(Amounts(["cpu": unit])["cpu"], 1)
    case nil: values["ncpus"] = free / 1000
    }
    return values
  }

  static let memoryName = "mem"

  /// A value as PBS takes it.
  static func text(_ value: Int, _ name: String) -> String {
    name == memoryName ? "\(value / 1024)kb" : "\(value)"
  }

  /// What is to be done about a host of one vnode; nil for nothing.
  /// - Parameters:
  ///   - vnode: as PBS tells it.
  ///   - rises: what was seen of this host before, and is remembered.
  ///   - rest: seconds.
  static func step(
    _ wanted: Values, _ vnode: PBSVnode, cluster: String, rises: inout [String: Rise],
    rest: Double, now: Double
  ) -> Step {
    let known = vnode.resources[CapacityMark.resource].flatMap(CapacityMark.init)
    var step = Step(mark: CapacityMark(cluster: cluster))
    for (name, value) in wanted {
      let present = vnode.resources[name].flatMap(PBSSelect.amount)
      guard let present else {
        // One that is there and no number is somebody's ("@other").
        if vnode.resources[name] != nil {
          step.overruled.append(name)
        } else {
          step.values[name] = value
          step.mark.values[name] = value
        }
        continue
      }
      let ours = known?.values[name]
      if let ours, ours != present, present != value {
        step.overruled.append(name)
        step.mark.values[name] = ours
        rises[name] = nil
        continue
      }
      let next = ours == nil ? value : risen(value, present, &rises[name], rest, now)
      if next != present { step.values[name] = next }
      step.mark.values[name] = next
    }
    step.overruled.sort()
    return step
  }

  private static func risen(
    _ wanted: Int, _ present: Int, _ rise: inout Rise?, _ rest: Double, _ now: Double
  ) -> Int {
    guard wanted > present else {
      rise = nil
      return wanted
    }
    var known = rise ?? Rise(since: now, least: wanted)
    known.least = min(known.least, wanted)
    rise = known
    return now - known.since >= rest ? known.least : present
  }
}

/// What was set of a vnode, as it stands in its resource ``resource``:
/// "CLUSTER/mem=24683060kb/ncpus=1".
struct CapacityMark: Sendable, Equatable {
  /// A string of PBS, which no user can ask for.
  static let resource = "k8s_capacity"
  /// How an administrator makes it.
  static let creation = "create resource \(resource) type=string, flag=rh"

  var cluster: String
  var values: ResourceAgreement.Values = [:]

  init(cluster: String) {
    self.cluster = cluster
  }

  /// Reads a mark; nil for what is none.
  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard let first = parts.first, Cluster.isID(String(first)) else { return nil }
    cluster = String(first)
    for part in parts.dropFirst() {
      guard let sign = part.firstIndex(of: "="), sign != part.startIndex,
        let value = PBSSelect.amount(String(part[part.index(after: sign)...]))
      else { return nil }
      values[String(part[..<sign])] = value
    }
  }

  var text: String {
    ([cluster]
      + values.sorted { $0.key < $1.key }.map {
        "\($0.key)=\(ResourceAgreement.text($0.value, $0.key))"
      })
      .joined(separator: "/")
  }
}
