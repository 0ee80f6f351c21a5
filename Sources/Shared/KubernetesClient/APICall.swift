import ConnectorMetrics
import HTTP
import Runtime

/// One request to the API server, as metrics tell of it.
struct APICall: Equatable {
  var verb: String
  /// "pods/binding"; never a name.
  var resource: String

  /// - Parameters:
  ///   - method: HTTP's.
  ///   - path: as ``KubernetesPath`` makes them: /api/v1/namespaces/NAMESPACE/RESOURCE/NAME/SUBRESOURCE.
  init(_ method: String, _ path: String) {
    var parts = path.utf8.split(separator: UInt8(ascii: "/")).map(Substring.init)[...]
    // "api/v1", or "apis/GROUP/VERSION"; "/version" stands by itself.
    parts = parts.dropFirst(parts.first == "api" ? 2 : parts.first == "apis" ? 3 : 0)
    if parts.first == "namespaces", parts.count > 2 { parts = parts.dropFirst(2) }
    let segments = Array(parts)
    resource = segments.first.map(String.init) ?? ""
    if segments.count > 2 { resource += "/\(segments[2])" }
    verb =
      switch method {
      case "GET": segments.count == 1 && path.hasPrefix("/api") ? "list" : "get"
      case "POST": "create"
      case "PUT": "update"
      default: method.lowercased()
      }
  }

  /// Counts a request and how long it took.
  @EventLoop
  func measured(
    by clock: any Clock, _ request: @EventLoop () async throws -> HTTPResponse
  ) async throws -> HTTPResponse {
    let began = clock.now
    do {
      let response = try await request()
      ended("\(response.status)", clock.now - began)
      return response
    } catch {
      if !(error is CancellationError) {
        ended((error as? KubernetesError).map { "\($0.status)" } ?? "error", clock.now - began)
      }
      throw error
    }
  }

  private func ended(_ code: String, _ seconds: Double) {
    Metric.apiRequests.count(1, verb, resource, code)
    Metric.apiRequestSeconds.observe(seconds, verb, resource)
  }
}
