import Logging
import Runtime

/// What commands tell of the server and its hosts.
extension PBSCommands {
  func server() async throws(PBSError) -> String {
    let result = try await runner.run("qstat", ["-B", "-f", "-w"], for: .look)
    guard result.status == 0 else { throw failure("qstat", result) }
    let servers = PBSText.parse(result.standardOutput, prefix: "Server: ")
    guard let server = servers.first, server.isWhole else {
      throw .unavailable("qstat -B named no server")
    }
    return server.name
  }

  func hosts() async throws(PBSError) -> PBSHosts {
    // -v: without it hosts are told with several vnodes as one, whose state may be "<various>".
    let result = try await runner.run("pbsnodes", ["-av"], for: .look)
    guard result.status == 0 else { throw failure("pbsnodes", result) }
    guard !PBSText.isCut(result.standardOutput) else {
      throw .unavailable("pbsnodes' answer was cut off")
    }
    return PBSHosts(PBSText.parse(result.standardOutput, prefix: "")) { [complaints] name in
      complaints.say(of: name, "pbsnodes tells of it what cannot be read, which is ignored")
    }
  }

  /// PBS's queues with their attributes.
  func queues() async throws(PBSError) -> [PBSText.Object] {
    let result = try await runner.run("qstat", ["-Q", "-f"], for: .look)
    guard result.status == 0 else { throw failure("qstat", result) }
    return PBSText.parse(result.standardOutput, prefix: "Queue: ")
  }

  /// pbsnodes cuts a comment off after 79 octets (OpenPBS, marknode).
  var commentLimit: Int { 79 }

  func setOffline(_ isOffline: Bool, host: String, comment: String) async throws(PBSError) {
    guard PBSHosts.isName(host) else { throw .refused("\(host) is no host's name") }
    let result = try await runner.run(
      "pbsnodes", [isOffline ? "-o" : "-r", "-C", comment, host], for: .action)
    guard result.status == 0 else { throw failure("pbsnodes", result) }
  }

  func setResources(_ resources: [String: String], vnode: String) async throws(PBSError) {
    let items = resources.sorted { $0.key < $1.key }
    // qmgr reads a line of its own language: nothing in it may end a value or begin a directive.
    guard PBSHosts.isName(vnode),
      items.allSatisfy({ PBSHosts.isName($0.key) && Self.isPlain($0.value) })
    else { throw .refused("\(vnode) or what it is to have cannot be said to qmgr") }
    let list = items.map { "resources_available.\($0.key) = \"\($0.value)\"" }
    let result = try await runner.run(
      "qmgr", ["-c", "set node \(vnode) \(list.joined(separator: ", "))"], for: .action)
    guard result.status == 0 else { throw failure("qmgr", result) }
  }

  private static func isPlain(_ value: String) -> Bool {
    !value.isEmpty && value.utf8.count <= 1000
      && value.allSatisfy {
        $0.isASCII && ($0.isLetter || $0.isNumber || "._-/=".contains($0))
      }
  }
}
