import Runtime

/// What waits to be done, by urgency, each item at most once (client-go's workqueue). Of the same
/// urgency, owners take turns.
struct Agenda<Item: Hashable & Sendable>: Sendable {
  private var queues: [Turns<Item>]
  /// The urgency at which each item waits.
  private var waiting: [Item: Int] = [:]

  /// - Parameter urgencies: how many; 0 goes first.
  init(urgencies: Int) {
    queues = Array(repeating: Turns(), count: urgencies)
  }

  /// How many wait.
  var count: Int { waiting.count }

  /// How many places the queues hold, left ones among them.
  var places: Int { queues.reduce(0) { $0 + $1.count } }

  /// Adds an item behind others of its urgency and owner; one that waits already at this urgency
  /// keeps its place.
  /// - Parameter owner: whose turn it takes, such as a namespace; always the same for one item.
  mutating func add(_ item: Item, of owner: String = "", urgency: Int) {
    guard waiting.updateValue(urgency, forKey: item) != urgency else { return }
    queues[urgency].add(item, of: owner)
    // Items that were removed, or have changed their urgency, leave their old places behind.
    if queues[urgency].count > 2 * waiting.count + 64 { compact(urgency) }
  }

  /// Takes an item out.
  mutating func remove(_ item: Item) {
    waiting[item] = nil
  }

  /// Takes the next item out.
  /// - Parameter limit: only items that are more urgent than this; nil for any.
  mutating func next(before limit: Int? = nil) -> (item: Item, urgency: Int)? {
    for urgency in queues.indices.prefix(limit ?? queues.count) {
      guard let item = queues[urgency].popFirst(where: { [waiting] in waiting[$0] == urgency })
      else { continue }
      waiting[item] = nil
      return (item, urgency)
    }
    return nil
  }

  /// Whether something of this urgency waits.
  mutating func has(_ urgency: Int) -> Bool {
    queues[urgency].first { [waiting] in waiting[$0] == urgency } != nil
  }

  private mutating func compact(_ urgency: Int) {
    var seen: Set<Item> = []
    queues[urgency].removeAll { waiting[$0] != urgency || !seen.insert($0).inserted }
  }
}
