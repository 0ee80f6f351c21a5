import DequeModule

/// Items that wait in one line for each owner. The owners take turns, an item each: who has many
/// waiting makes no other wait for more than one of them.
public struct Turns<Item: Sendable>: Sendable {
  /// None is empty.
  private var lines: [String: Deque<Item>] = [:]
  /// Whose turn comes when; each that has a line, once.
  private var order: Deque<String> = []

  /// How many wait.
  public private(set) var count = 0

  public init() {}

  public var isEmpty: Bool { count == 0 }

  /// How many of this owner wait.
  public func count(of owner: String) -> Int { lines[owner]?.count ?? 0 }

  /// Adds an item behind others of its owner.
  /// - Parameter first: before all that wait, since its turn had come before.
  public mutating func add(_ item: Item, of owner: String, first: Bool = false) {
    count += 1
    let isNew = lines[owner] == nil
    if first {
      lines[owner, default: []].prepend(item)
      if !isNew { order.removeAll { $0 == owner } }
      order.prepend(owner)
    } else {
      lines[owner, default: []].append(item)
      if isNew { order.append(owner) }
    }
  }

  /// Takes out the next item; its owner's turn comes again after all others'.
  /// - Parameter isLive: what is not goes without costing its owner the turn.
  public mutating func popFirst(where isLive: (Item) -> Bool = { _ in true }) -> Item? {
    guard let item = first(where: isLive), let owner = order.popFirst() else { return nil }
    lines[owner]?.removeFirst()
    count -= 1
    if lines[owner]?.isEmpty == true { lines[owner] = nil } else { order.append(owner) }
    if order.isEmpty { self = Turns() }
    return item
  }

  /// The item that ``popFirst(where:)`` would take out. What stands before it and is not live goes.
  public mutating func first(where isLive: (Item) -> Bool = { _ in true }) -> Item? {
    while let owner = order.first {
      while let item = lines[owner]?.first {
        if isLive(item) { return item }
        lines[owner]?.removeFirst()
        count -= 1
      }
      lines[owner] = nil
      order.removeFirst()
    }
    self = Turns()
    return nil
  }

  /// Takes out what is not to stay.
  public mutating func removeAll(where isGone: (Item) -> Bool) {
    for owner in order {
      lines[owner]?.removeAll(where: isGone)
      if lines[owner]?.isEmpty == true { lines[owner] = nil }
    }
    order.removeAll { lines[$0] == nil }
    count = lines.values.reduce(0) { $0 + $1.count }
  }
}
