import FoundationEssentials
import Testing

@testable import pbs_broker

/// The table of `qstat -w -u USER`.
@Suite struct JobTableTests {
  private static let header =
    "\nserver: \n\nJob ID  Username  Queue\n------- --------- -----\n"

  private static func table(_ lines: String) -> JobTable? {
    JobTable(Data((header + lines).utf8))
  }

  @Test func readsTheRecording() throws {
    let table = try #require(JobTable(RecordedAnswer("pbs/qstat-table.txt").standardOutput))
    #expect(table.jobs == ["95.pbsserver", "97.pbsserver"])
    #expect(table.states == ["95.pbsserver": .running, "97.pbsserver": .held])
    #expect(!table.hasShortenedIDs)
  }

  @Test func withoutJobsThereIsNoTable() throws {
    let table = try #require(JobTable(RecordedAnswer("pbs/qstat-table-none.txt").standardOutput))
    #expect(table.jobs.isEmpty)
  }

  @Test func aRecordingCutInALineIsNone() throws {
    let output = try RecordedAnswer("pbs/qstat-table.txt").standardOutput
    for length in 1..<output.count where output[length - 1] != 0x0A {
      #expect(JobTable(output.prefix(length)) == nil, "cut after \(length) octets")
    }
  }

  /// A job whose line has another form is there; in which state is not known.
  @Test(arguments: [
    "1.s alice workq a b  --  1 1 -- -- Q --", "1.s alice workq a -- 1 1 -- -- Z --", "1.s",
  ])
  func aLineThatCannotBeReadHarmsItselfOnly(_ line: String) throws {
    let table = try #require(Self.table(line + "\n2.s alice workq b -- 1 1 -- -- Q --\n"))
    #expect(table.jobs == ["1.s", "2.s"])
    #expect(table.states == ["2.s": .queued])
  }

  /// Where not every id is known, the table is no view of all jobs.
  @Test(arguments: ["words\n", "qstat: 1.s\n", "1 alice workq\n", "\n \n"])
  func aLineWithoutAnIDIsNoTable(_ lines: String) {
    #expect(Self.table(lines) == nil)
  }

  @Test func noticesShortenedIDs() throws {
    let line = "1234567.a-server-with-a-long-* alice workq a -- 1 1 -- -- Q --\n"
    #expect(try #require(Self.table(line)).hasShortenedIDs)
  }
}
