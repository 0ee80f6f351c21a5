import FoundationEssentials
import Testing

@testable import Runtime
@testable import pbs_broker

/// Listing jobs by their proof of submission, whosever they are: once, not once a user.
@Suite(.runningLoop, .timeLimit(.minutes(3)))
struct ProvenListingTests {
  private static func proven(_ id: String, _ owner: String) -> String {
    FakeLibrary.job(id).replacing("pbs-broker@", with: "\(owner)@")
      + "\tResource_List.k8s_pod=east/uid-1/default/redis"
  }

  @Test @EventLoop func theLibraryListsAllUsersJobsByOneCall() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs(byProof: true)
    try fake.tells([Self.proven("5.pbsserver", "alice"), Self.proven("6.pbsserver", "bob")])
    let listing = try await pbs.list(telling: [])
    #expect(listing.changed.jobs.map(\.owner) == ["alice@host", "bob@host"])
    _ = try await pbs.changes()
    #expect(
      fake.calls.filter { $0.hasPrefix("pbs_selstat") } == [
        "pbs_selstat Resource_List.k8s_pod/6/0 -",
        "pbs_selstat Resource_List.k8s_pod/6/0 mtime/6/98 x",
      ])
    #expect(fake.count("pbs_connect") == 1)
  }

  @Test @EventLoop func aServerWithoutTheResourceTellsOfOurUsersJobs() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs(byProof: true)
    try fake.tells([FakeLibrary.job("5.pbsserver")])
    try fake.troubles("pbs_selstat:15035:Unknown resource Resource_List.k8s_pod")
    #expect(try await pbs.list(telling: []).all == ["5.pbsserver"])
    #expect(fake.calls.last == "pbs_selstat User_List/4/pbs-broker -")
  }

  @Test @EventLoop func commandsListByProofWhereThereAreOthersJobs() async throws {
    let scripted = try ScriptedPBS()
    try scripted.script(
      "qselect",
      """
      printf '%s ' "$@" >>calls; echo >>calls
      case "$*" in
      *-u*) echo 5.pbsserver ;;
      *"-s R") echo 6.pbsserver ;;
      *) printf '5.pbsserver\\n6.pbsserver\\n' ;;
      esac
      """)
    let pbs = try scripted.pbs(byProof: true)
    for _ in 1...2 {
      let listing = try await pbs.list(telling: [])
      #expect(listing.all == ["5.pbsserver", "6.pbsserver"])
      #expect(listing.running == ["6.pbsserver"])
    }
    let calls = try String(
      contentsOf: URL(filePath: "\(scripted.folder.path)/calls"), encoding: .utf8)
    let byProof = "-l k8s_pod.ge.0"
    #expect(
      calls.split(separator: "\n").map { $0.dropLast() } == [
        "\(byProof)", "-u \(pbs.user)", "\(byProof) -s R", "\(byProof)", "\(byProof) -s R",
      ])
  }

  /// One command tells more of one user's jobs.
  @Test @EventLoop func commandsListByOwnerWhereAllJobsAreOurs() async throws {
    let scripted = try ScriptedPBS()
    try scripted.command("qselect", error: "qselect: Unknown resource k8s_pod", status: 187)
    let pbs = try scripted.pbs(byProof: true)
    for _ in 1...2 { #expect(try await pbs.list(telling: []).all.isEmpty) }
    #expect(try scripted.arguments(of: "qselect") == ["-l", "k8s_pod.ge.0"])
    #expect(try scripted.arguments(of: "qstat") == ["-w", "-u", pbs.user, "-w", "-u", pbs.user])
  }
}
