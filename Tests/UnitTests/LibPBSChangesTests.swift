import Testing

@testable import Runtime
@testable import pbs_broker

/// Jobs are changed by the library's functions, one each.
@Suite(.runningLoop, .timeLimit(.minutes(5)))
struct LibPBSChangesTests {
  @Test @EventLoop func changesAreTheLibrarysFunctions() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    let attributes = [
      JobAttribute("Priority", "5"),
      JobAttribute("Resource_List", "01:00:00", resource: "walltime"),
    ]
    let changes: [(JobChange, String)] = [
      (.alter(attributes), "pbs_alterjob 5.pbsserver Priority=5 Resource_List.walltime=01:00:00"),
      (.move(queue: "gpu"), "pbs_movejob 5.pbsserver gpu"), (.hold, "pbs_holdjob 5.pbsserver u"),
      (.release, "pbs_rlsjob 5.pbsserver u"), (.deleteMoved, "pbs_deljob 5.pbsserver deletehist"),
    ]
    for (change, call) in changes {
      try await pbs.change("5.pbsserver", change)
      #expect(fake.calls.last == call)
    }
    try fake.troubles("pbs_movejob:15018:Unknown queue", "pbs_alterjob:15136:a hook says no")
    await #expect(throws: PBSError.limit("Unknown queue")) {
      try await pbs.change("5.pbsserver", .move(queue: "nowhere"))
    }
    await #expect(throws: PBSError.refused("a hook says no")) {
      try await pbs.change("5.pbsserver", .alter(attributes))
    }
    await #expect(throws: PBSError.self) { try await pbs.change("5.elsewhere", .hold) }
    #expect(fake.count("pbs_holdjob") == 1)
  }

  @Test @EventLoop func changesAreCommandsToo() async throws {
    let scripted = try ScriptedPBS()
    for name in ["qalter", "qmove", "qhold", "qrls", "qdel"] { try scripted.command(name) }
    let pbs = try scripted.pbs()
    try await pbs.change("5.pbsserver", .alter([JobAttribute("Job_Name", "train")]))
    try await pbs.change("5.pbsserver", .move(queue: "gpu"))
    try await pbs.change("5.pbsserver", .hold)
    try await pbs.change("5.pbsserver", .release)
    try await pbs.change("5.pbsserver", .deleteMoved)
    #expect(try scripted.arguments(of: "qalter") == ["-N", "train", "5.pbsserver"])
    #expect(try scripted.arguments(of: "qmove") == ["gpu", "5.pbsserver"])
    #expect(try scripted.arguments(of: "qhold") == ["-h", "u", "5.pbsserver"])
    #expect(try scripted.arguments(of: "qrls") == ["-h", "u", "5.pbsserver"])
    #expect(try scripted.arguments(of: "qdel") == ["-x", "5.pbsserver"])
    try scripted.command("qmove", error: "qmove: Unknown queue 5.pbsserver", status: 138)
    await #expect(throws: PBSError.limit("qmove: Unknown queue 5.pbsserver")) {
      try await pbs.change("5.pbsserver", .move(queue: "nowhere"))
    }
  }
}
