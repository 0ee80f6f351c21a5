import FoundationEssentials
import Runtime

/// Versions that go back.
extension Reflector {
  /// Makes sure that the server's history reaches to what it has told us. A server whose etcd was
  /// restored from a backup accepts a watch at a version that is still to come, and is silent.
  func compareVersion() async throws {
    guard let known = version else { return }
    // Without the selector, for which the server would read until an object fits.
    let head = try await client.send(
      "GET", path, query: [("limit", "1")], timeout: WatchTiming.checkWait, as: ListHead.self)
    let found = ResourceVersion(head.metadata.resourceVersion)
    if found.isBefore(known) { throw WatchFailure.wentBack(from: known, to: found) }
  }

  /// Does so now and then while the watch lasts.
  func compareVersions() async {
    while true {
      do {
        try await clock.sleep(seconds: timing.checkInterval * clock.random(in: 0.8...1.2))
        try await compareVersion()
        isCheckComplaining = false
      } catch is CancellationError {
        return
      } catch let error as KubernetesError {
        if !isCheckComplaining {
          log.warning("\(client.server)\(path): the version cannot be looked at: \(error)")
        }
        isCheckComplaining = true
      } catch {
        // It went back. Or there is no answer: the watch may be as dead as this request was.
        if !Task.isCancelled { breakOff(error) }
        return
      }
    }
  }
}
