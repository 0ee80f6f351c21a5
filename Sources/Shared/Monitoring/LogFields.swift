import Logging

extension Logger.Metadata {
  /// What a line is about, as fields beside its message: pod, namespace, uid, job, host.
  /// - Parameter pod: "namespace/name"; what has another form names no pod.
  public static func about(
    pod: String? = nil, uid: String? = nil, job: String? = nil, host: String? = nil
  ) -> Logger.Metadata {
    var fields: Logger.Metadata = [:]
    let parts = (pod ?? "").split(separator: "/").map(String.init)
    if parts.count == 2 {
      fields["namespace"] = "\(parts[0])"
      fields["pod"] = "\(parts[1])"
    }
    if let uid, !uid.isEmpty { fields["uid"] = "\(uid)" }
    if let job { fields["job"] = "\(job)" }
    if let host { fields["host"] = "\(host)" }
    return fields
  }
}
