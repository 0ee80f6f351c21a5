import DequeModule

/// What waits to be done, by urgency, each item at most once. (client-go's workqueue.)
struct Agenda<Item: Hashable & Sendable>: Sendable {
  private var queues: [Deque<Item>]
  /// The urgency at which each item waits.
  private var waiting: [Item: Int] = [:]

  /// - Parameter urgencies: how many; 0 goes first.
  init(urgencies: Int) {
    queues = Array(repeating: [], count: urgencies)
  }

  /// How many wait.
  var count: Int { waiting.count }

  /// How many places the queues hold, left ones among them.
  var places: Int { queues.reduce(0) { $0 + $1.count } }

  /// Adds an item behind others of its urgency; one that waits already at this urgency keeps its
  /// place.
  mutating func add(_ item: Item, urgency: Int) {
    guard waiting.updateValue(urgency, forKey: item) != urgency else { return }
    queues[urgency].append(item)
    // Items that were removed, or have changed their urgency, leave their old places behind.
    if queues[urgency].count > 2 * waiting.count + 64 { compact(urgency) }
  }

  /// Takes an item out.
  mutating func remove(_ item: Item) {
    waiting[item] = nil
  }

  /// Takes the next item out.
  mutating func next() -> (item: Item, urgency: Int)? {
    for urgency in queues.indices {
      while let item = queues[urgency].popFirst() {
        guard waiting[item] == urgency else { continue }
        waiting[item] = nil
        return (item, urgency)
      }
    }
    return nil
  }

  /// Whether something of this urgency waits.
  mutating func has(_ urgency: Int) -> Bool {
    while let first = queues[urgency].first, waiting[first] != urgency {
      queues[urgency].removeFirst()
    }
    return !queues[urgency].isEmpty
  }

  private mutating func compact(_ urgency: Int) {
    var seen: Set<Item> = []
    queues[urgency].removeAll { waiting[$0] != urgency || !seen.insert($0).inserted }
  }
}
