import Testing

@testable import pbs_broker

extension JobBook {
  init(_ records: [JobRecord]) {
    self.init()
    for record in records { self[record.job.id] = record }
  }
}

/// What is kept of all jobs is what their records say, whatever has happened to them.
@Suite struct JobBookTests {
  private static func expect(
    _ book: JobBook, at place: SourceLocation = #_sourceLocation
  ) {
    let records = book.records.values
    let starting = book.records.compactMapValues(\.startingSince)
    #expect(book.waiting == records.count { $0.job.isWaiting }, sourceLocation: place)
    #expect(book.starting == starting, sourceLocation: place)
    #expect(
      book.onHosts == Set(records.filter(\.isOnHost).map(\.job.id)), sourceLocation: place)
  }

  private static func record(_ id: String, _ state: Job.State, startingSince: Double? = nil)
    -> JobRecord
  {
    var record = JobRecord(job: .with(id, state), addedAt: 0)
    record.startingSince = startingSince
    return record
  }

  @Test func followsEachJob() {
    var book = JobBook()
    book["1"] = Self.record("1", .queued)
    book["2"] = Self.record("2", .held)
    book["3"] = Self.record("3", .running, startingSince: 5)
    Self.expect(book)
    #expect(book.waiting == 2 && book.starting == ["3": 5] && book.onHosts == ["3"])
    book["1"] = Self.record("1", .running, startingSince: 6)
    book["3"] = Self.record("3", .suspended)
    Self.expect(book)
    book["1"]?.startingSince = nil
    book["2"]?.isUnconfirmed = true
    Self.expect(book)
    #expect(book.remove("2")?.job.id == "2" && book.remove("2") == nil)
    book["1"] = nil
    Self.expect(book)
    #expect(book.contains("3") && !book.contains("1") && book.count == 1)
  }

  @Test func anyOrderOfChanges() {
    let seed = Seed.forTest("JobBook, any order")
    var random = SeededGenerator(seed: seed)
    var book = JobBook()
    let states: [Job.State] = [.queued, .held, .running, .suspended, .exiting]
    for _ in 0..<2000 {
      let id = "\(Int.random(in: 1...9, using: &random))"
      if Bool.random(using: &random) {
        let state = states.randomElement(using: &random) ?? .queued
        book[id] = Self.record(
          id, state, startingSince: state == .running && Bool.random(using: &random) ? 1 : nil)
      } else {
        book.remove(id)
      }
      Self.expect(book)
    }
  }
}
