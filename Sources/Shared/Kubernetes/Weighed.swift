/// What a user may make as large as he likes, and how large it is: the octets of its texts, and
/// ``partWeight`` for each part. On the wire it takes at most some two times that, six times where
/// it is full of control characters, which JSON escapes.
protocol Weighed {
  var weight: Int { get }
}

/// About what JSON adds to each element of a list or a map.
private let partWeight = 16

extension String: Weighed {
  var weight: Int { utf8.count }
}

extension Array: Weighed where Element: Weighed {
  var weight: Int { reduce(0) { $0 + $1.weight + partWeight } }
}

extension Dictionary: Weighed where Key == String, Value == String {
  var weight: Int { reduce(0) { $0 + $1.key.weight + $1.value.weight + partWeight } }
}

extension Optional: Weighed where Wrapped: Weighed {
  var weight: Int { self?.weight ?? 0 }
}

extension Named: Weighed {
  var weight: Int { name.weight }
}

extension SchedulingGate: Weighed {
  var weight: Int { name.weight }
}

extension Container: Weighed {
  var weight: Int {
    name.weight + resources.weight + restartPolicy.weight + (ports?.count ?? 0) * partWeight
  }
}

extension ResourceRequirements: Weighed {
  var weight: Int { requests.weight + limits.weight }
}

extension Volume: Weighed {
  var weight: Int { name.weight + (persistentVolumeClaim?.claimName).weight }
}

extension TopologySpreadConstraint: Weighed {
  var weight: Int { topologyKey.weight + whenUnsatisfiable.weight }
}

extension Toleration: Weighed {
  var weight: Int { key.weight + `operator`.weight + value.weight + effect.weight }
}

extension NodeSelector: Weighed {
  var weight: Int { nodeSelectorTerms.weight }
}

extension NodeSelectorTerm: Weighed {
  var weight: Int { matchExpressions.weight + matchFields.weight }
}

extension NodeSelectorRequirement: Weighed {
  var weight: Int { key.weight + `operator`.weight + values.weight }
}
