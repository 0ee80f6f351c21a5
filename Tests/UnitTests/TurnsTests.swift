import Testing

@testable import Runtime

/// Who has many waiting makes no other wait for more than one of them.
@Suite struct TurnsTests {
  private static func all(_ turns: Turns<String>) -> [String] {
    var turns = turns
    var items: [String] = []
    while let item = turns.popFirst() { items.append(item) }
    return items
  }

  @Test func ownersTakeTurns() {
    var turns = Turns<String>()
    for number in 1...1475 { turns.add("a\(number)", of: "a") }
    turns.add("b1", of: "b")
    turns.add("b2", of: "b")
    turns.add("c1", of: "c")
    #expect(turns.count == 1478 && turns.count(of: "a") == 1475 && turns.count(of: "d") == 0)
    let items = Self.all(turns)
    #expect(items.prefix(7) == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"])
    #expect(items.count == 1478 && items.last == "a1475")
  }

  @Test func whoComesAgainWaitsForTheOthers() {
    var turns = Turns<Int>()
    turns.add(1, of: "a")
    turns.add(2, of: "b")
    expect(turns.popFirst(), is: 1)
    turns.add(3, of: "a")
    expect(turns.popFirst(), is: 2)
    expect(turns.popFirst(), is: 3)
    expect(turns.popFirst(), is: nil)
    #expect(turns.isEmpty)
  }

  @Test func whatIsFirstGoesBeforeAll() {
    var turns = Turns<String>()
    for item in ["a1", "a2"] { turns.add(item, of: "a") }
    turns.add("b1", of: "b")
    turns.add("b0", of: "b", first: true)
    #expect(Self.all(turns) == ["b0", "a1", "b1", "a2"])
  }

  @Test func whatIsNotLiveCostsNoTurn() {
    var turns = Turns<Int>()
    for item in 1...4 { turns.add(item, of: "a") }
    turns.add(5, of: "b")
    expect(turns.first { $0 > 2 }, is: 3)
    #expect(turns.count == 3)
    expect(turns.popFirst { $0 > 3 }, is: 4)
    expect(turns.popFirst { $0 > 5 }, is: nil)
    #expect(turns.isEmpty && turns.count(of: "a") == 0)
  }

  @Test func takesOutWhatIsGone() {
    var turns = Turns<Int>()
    for item in 1...6 { turns.add(item, of: item < 4 ? "a" : "b") }
    turns.removeAll { $0 < 4 || $0 == 5 }
    #expect(turns.count == 2 && turns.count(of: "b") == 2)
    expect(turns.popFirst(), is: 4)
  }
}
