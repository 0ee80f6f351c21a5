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
}
