/// A pod as the simulated API server keeps it.
struct SimulatedPod {
  struct Condition {
    var type: String
    var status: String
    var reason: String
    var message: String
  }

  let number: Int
  let uid: String
  let name: String
  let namespace: String
  var cpus: Int
  /// Seconds for which it runs, and those it takes to end when it is deleted.
  let life: Double
  let ending: Double
  var version = 0
  var node: String?
  var phase = "Pending"
  var annotations: [String: String] = [:]
  var conditions: [Condition] = []
  /// When its grace period ends; RFC 3339.
  var deletion: String?
  var grace = 30
  /// When its user has changed last what it asks for.
  var editedAt: Double?
  /// The job with which it was bound, whatever its user has written since.
  var boundJob: String?
  var boundRun: String?

  var isFinished: Bool { phase == "Succeeded" || phase == "Failed" }
  var isTerminating: Bool { deletion != nil }
  /// Its user has written what is not his to write.
  var isTampered: Bool { boundJob != annotations["pbs-connector/job-id"] }

  /// As the API tells it.
  var json: String {
    var metadata =
      #""name":"\#(name)","namespace":"\#(namespace)","uid":"\#(uid)","resourceVersion":"\#(version)""#
    if !annotations.isEmpty {
      let items = annotations.sorted { $0.key < $1.key }.map { #""\#($0.key)":"\#($0.value)""# }
      metadata += #","annotations":{\#(items.joined(separator: ","))}"#
    }
    if let deletion {
      metadata += #","deletionTimestamp":"\#(deletion)","deletionGracePeriodSeconds":\#(grace)"#
    }
    var spec = #""schedulerName":"pbs","terminationGracePeriodSeconds":30,"#
    if let node { spec += #""nodeName":"\#(node)","# }
    spec += #""containers":[{"name":"a","resources":{"requests":{"cpu":"\#(cpus)"}}}]"#
    let conditions = conditions.map {
      #"{"type":"\#($0.type)","status":"\#($0.status)","reason":"\#($0.reason)","message":\#(quoted($0.message))}"#
    }
    return #"{"metadata":{\#(metadata)},"spec":{\#(spec)},"#
      + #""status":{"phase":"\#(phase)","conditions":[\#(conditions.joined(separator: ","))]}}"#
  }
}

/// A text as a JSON string.
func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    default: result.unicodeScalars.append(scalar.value < 0x20 ? " " : scalar)
    }
  }
  return result + "\""
}
