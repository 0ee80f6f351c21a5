import ConnectorMetrics
import Runtime

/// Counts what is asked of PBS and what comes of it, whichever backend does it.
@EventLoop
final class MeasuredPBS: PBSBackend {
  private let backend: any PBSBackend
  private let clock: any Clock

  init(_ backend: any PBSBackend, clock: any Clock) {
    self.backend = backend
    self.clock = clock
  }

  var users: SubmittingUsers { backend.users }
  var pace: LookPace { backend.pace }
  func turn(for use: ConnectionUse) async { await backend.turn(for: use) }
  func connections(for use: ConnectionUse) -> (made: Int, most: Int)? {
    backend.connections(for: use)
  }

  func submit(_ job: JobDescription) async throws(PBSError) -> String {
    try await measured("submit") { () async throws(PBSError) in try await backend.submit(job) }
  }

  func list(telling: Set<String>) async throws(PBSError) -> JobListing {
    try await measured("list") { () async throws(PBSError) in
      try await backend.list(telling: telling)
    }
  }

  func changes() async throws(PBSError) -> JobStat? {
    try await measured("changes") { () async throws(PBSError) in try await backend.changes() }
  }

  func stat(_ ids: [String]) async throws(PBSError) -> JobStat {
    try await measured("stat") { () async throws(PBSError) in try await backend.stat(ids) }
  }

  func delete(_ id: String, of owner: String?, force: Bool) async throws(PBSError) {
    try await measured("delete") { () async throws(PBSError) in
      try await backend.delete(id, of: owner, force: force)
    }
  }

  func change(_ id: String, of owner: String?, _ change: JobChange) async throws(PBSError) {
    try await measured("change") { () async throws(PBSError) in
      try await backend.change(id, of: owner, change)
    }
  }

  func server() async throws(PBSError) -> String {
    try await measured("server") { () async throws(PBSError) in try await backend.server() }
  }

  func hosts() async throws(PBSError) -> PBSHosts {
    try await measured("hosts") { () async throws(PBSError) in try await backend.hosts() }
  }

  func queues() async throws(PBSError) -> [PBSText.Object] {
    try await measured("queues") { () async throws(PBSError) in try await backend.queues() }
  }

  func setOffline(_ isOffline: Bool, host: String, comment: String) async throws(PBSError) {
    try await measured("set_offline") { () async throws(PBSError) in
      try await backend.setOffline(isOffline, host: host, comment: comment)
    }
  }

  func setResources(_ resources: [String: String], vnode: String) async throws(PBSError) {
    try await measured("set_resources") { () async throws(PBSError) in
      try await backend.setResources(resources, vnode: vnode)
    }
  }

  var commentLimit: Int { backend.commentLimit }

  private func measured<Answer: Sendable>(
    _ operation: String, _ request: @EventLoop () async throws(PBSError) -> Answer
  ) async throws(PBSError) -> Answer {
    let began = clock.now
    do throws(PBSError) {
      let answer = try await request()
      ended(operation, "ok", began)
      return answer
    } catch {
      ended(operation, error.word, began)
      throw error
    }
  }

  private func ended(_ operation: String, _ result: String, _ began: Double) {
    Metric.pbsRequests.count(1, operation, result)
    Metric.pbsRequestSeconds.observe(clock.now - began, operation)
  }
}

extension PBSError {
  /// Whose fault it is, in a word.
  var word: String {
    switch self {
    case .unavailable: "unavailable"
    case .busy: "busy"
    case .limit: "limit"
    case .refused: "refused"
    case .unauthorized: "unauthorized"
    }
  }
}
