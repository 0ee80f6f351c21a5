import FoundationEssentials
import Kubernetes
import Startup

/// What a manifest says of volume claims and their classes. Of the others it is assumed that they are
/// bound.
struct ManifestClaims {
  private var classes: [String: StorageClass] = [:]
  /// By "namespace/name", the names of their classes.
  private var classOfClaim: [String: String] = [:]

  /// - Throws: ``ManifestError`` for a class that no API server would take.
  mutating func take(class object: YAMLValue) throws(ManifestError) {
    do {
      let read = try JSONDecoder().decode(StorageClass.self, from: Data(object.apiJSON().utf8))
      classes[read.name] = read
    } catch {
      throw ManifestError(description: "a StorageClass cannot be read: \(error)")
    }
  }

  /// - Parameters:
  ///   - name: "namespace/name".
  ///   - spec: the claim's.
  mutating func take(claim name: String, spec: YAMLValue?) {
    classOfClaim[name] = spec?["storageClassName"]?.text
  }

  /// The claims that a pod uses, with what is assumed of them, and notes for a person.
  func claims(of pod: Pod) -> (claims: [String: VolumeClaim], notes: [String]) {
    let namespace = pod.metadata.namespace ?? "default"
    var claims: [String: VolumeClaim] = [:]
    var notes: [String] = []
    for name in Set(pod.claimNames).sorted() {
      var claim = VolumeClaim(namespace: namespace, name: name, isBound: true)
      if let known = classOfClaim[claim.fullName].flatMap({ classes[$0] }), known.waitsForConsumer {
        claim.isBound = false
        claim.waitsForConsumer = true
        claim.uid = "uid-of-this-claim"
        claim.provisioner = known.provisioner
        if !claim.isStatic {
          let assumed = known.topology == nil ? "" : "; assumed: its class provides for all hosts"
          notes.append(
            "volume claim \(claim.fullName): provisioned on the job's host (class \(known.name), WaitForFirstConsumer)\(assumed)"
          )
        }
      }
      if pod.ephemeralClaimNames.contains(name) { claim.controller = pod.metadata.uid }
      claims[claim.fullName] = claim
    }
    if claims.values.contains(where: \.isBound) {
      let isAll = claims.values.allSatisfy(\.isBound)
      notes.append("assumed: its \(isAll ? "" : "other ")volume claims are bound")
    }
    return (claims, notes)
  }
}
