import FoundationEssentials

@testable import Kubernetes

extension Pod {
  /// A pod as an API server would send it.
  /// - Parameters:
  ///   - spec: members of its spec as JSON, the containers among them.
  ///   - metadata: further members of its metadata, each after a comma.
  static func with(
    spec: String = #""containers": [{"name": "a"}]"#, metadata: String = "", status: String = "{}"
  ) throws -> Pod {
    let json = """
      {"metadata": {"name": "redis", "namespace": "default", "uid": "uid-1" \(metadata)},
       "spec": {"schedulerName": "pbs", \(spec)}, "status": \(status)}
      """
    return try JSONDecoder().decode(Pod.self, from: Data(json.utf8))
  }
}
