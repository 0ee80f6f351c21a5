import Testing

@testable import binder

/// The order in which binder works.
@Suite struct AgendaTests {
  private var agenda = Agenda<String>(urgencies: 3)

  private mutating func all() -> [String] {
    var items: [String] = []
    while let next = agenda.next() { items.append("\(next.item)\(next.urgency)") }
    return items
  }

  @Test mutating func theUrgentGoFirstAndOthersInTheirOrder() {
    for (item, urgency) in [("a", 2), ("b", 1), ("c", 0), ("d", 2), ("e", 0)] {
      agenda.add(item, urgency: urgency)
    }
    for urgency in 0...2 { expect(agenda.has(urgency), is: true) }
    expect(all(), is: ["c0", "e0", "b1", "a2", "d2"])
    expect(agenda.has(0), is: false)
  }

  @Test mutating func ownersTakeTurnsWithinAnUrgency() {
    for number in 1...1000 { agenda.add("a\(number) ", of: "a", urgency: 2) }
    agenda.remove("a2 ")
    agenda.add("b1 ", of: "b", urgency: 2)
    agenda.add("b2 ", of: "b", urgency: 2)
    agenda.add("a0 ", of: "a", urgency: 0)
    expect(Array(all().prefix(6)), is: ["a0 0", "a1 2", "b1 2", "a3 2", "b2 2", "a4 2"])
  }

  @Test mutating func takesOnlyWhatIsUrgentEnough() {
    agenda.add("a", urgency: 2)
    agenda.add("b", urgency: 1)
    expect(agenda.next(before: 2)?.item, is: "b")
    expect(agenda.next(before: 2)?.item, is: nil)
    expect(agenda.has(2), is: true)
    expect(agenda.next()?.item, is: "a")
  }

  @Test mutating func anItemStandsInItOnce() {
    for urgency in [2, 0, 2, 2] { agenda.add("a", urgency: urgency) }
    agenda.add("b", urgency: 2)
    agenda.remove("b")
    expect(agenda.has(0), is: false)
    expect(all(), is: ["a2"])
  }

  @Test mutating func whatChangesItsMindDoesNotMakeItGrow() {
    for round in 0..<10_000 {
      agenda.add("a", urgency: round % 3)
      agenda.add("b\(round)", urgency: 1)
      agenda.remove("b\(round)")
    }
    #expect(agenda.places < 300)
    expect(all(), is: ["a0"])
  }
}
