import Runtime

/// What waits to be asked of PBS, each thing by its key once. What is asked as our own user is bounded
/// in number; what is asked as other users waits apart, a line for each, by ``UserTrouble``: whoever
/// stops the process that acts as him holds nobody else up. In each line namespaces take turns.
@EventLoop
final class UserQueue {
  struct Item: Sendable {
    /// A pod's UID, or a job's id.
    var key: String
    /// Whose turn it takes.
    var namespace: String
    /// The user of PBS as whom it is asked; nil for our own.
    var user: String?
  }

  private struct Waiting: Sendable {
    var item: Item
    var number: Int
  }

  private final class Line {
    var turns = Turns<Waiting>()
    /// Those that have not been taken out.
    var live = 0
  }

  /// Items that were taken out and take room all the same, at most, or as many as wait.
  private static let mostDead = 64

  private let kind: UserTrouble.Kind
  private let users: UserTrouble
  private let limit: @EventLoop () -> Int
  private let work: @EventLoop (Item) async -> Void
  private var lines: [String?: Line] = [:]
  /// By key: as whom it is asked, and which of the items of this key counts.
  private var waiting: [String: (user: String?, number: Int)] = [:]
  private var lastNumber = 0
  /// How many are under way: as our own user, and as all.
  private var ownActive = 0
  private var active = 0
  private let ending = Drain()

  /// - Parameters:
  ///   - limit: how many may be under way as our own user now.
  ///   - work: what is done with each item.
  init(
    _ kind: UserTrouble.Kind, users: UserTrouble, limit: @escaping @EventLoop () -> Int,
    work: @escaping @EventLoop (Item) async -> Void
  ) {
    self.kind = kind
    self.users = users
    self.limit = limit
    self.work = work
    users.whenFree { [weak self] in self?.start(as: $0) }
  }

  /// How many wait, those under way not counted.
  var count: Int { waiting.count }

  /// Nothing more is started.
  var isDraining: Bool { ending.hasBegun }

  /// Queues an item, in place of one of the same key that waits.
  /// - Parameter first: before all that wait in its line, since its turn had come before.
  func add(_ item: Item, first: Bool = false) {
    remove(item.key)
    lastNumber += 1
    waiting[item.key] = (item.user, lastNumber)
    let line = lines[item.user] ?? Line()
    lines[item.user] = line
    line.live += 1
    line.turns.add(
      Waiting(item: item, number: lastNumber), of: item.namespace, first: first)
    if let user = item.user { start(as: user) } else { startOwn() }
  }

  /// As whom an item that waits is asked; nil when none of this key waits.
  func user(of key: String) -> String?? { waiting[key].map(\.user) }

  /// Takes an item out.
  /// - Returns: whether it was waiting; what is under way goes on.
  @discardableResult
  func remove(_ key: String) -> Bool {
    guard let user = waiting.removeValue(forKey: key)?.user, let line = lines[user] else {
      return false
    }
    line.live -= 1
    if line.turns.count - line.live > max(line.live, Self.mostDead) {
      line.turns.removeAll { !isLive($0) }
    }
    if line.live == 0 { lines[user] = nil }
    return true
  }

  /// Starts what there is room for; to be called when there is more.
  func start() {
    startOwn()
    for case let user? in lines.keys { start(as: user) }
  }

  /// Starts nothing more, and waits for what is under way.
  func drain() async { await ending.begin(isIdle: active == 0) }

  private func startOwn() {
    while !isDraining, lines[nil] != nil, ownActive < limit(), let item = next(of: nil) {
      ownActive += 1
      run(item)
    }
  }

  private func start(as user: String) {
    while !isDraining, lines[user] != nil, users.begin(kind, as: user) {
      guard let item = next(of: user) else { return users.end(kind, as: user) }
      run(item)
    }
  }

  private func run(_ item: Item) {
    active += 1
    Task { @EventLoop in
      await work(item)
      active -= 1
      if active == 0 { ending.idle() }
      if let user = item.user {
        users.end(kind, as: user)
      } else {
        ownActive -= 1
        startOwn()
      }
    }
  }

  private func next(of user: String?) -> Item? {
    guard let line = lines[user], let next = line.turns.popFirst(where: isLive) else { return nil }
    waiting[next.item.key] = nil
    line.live -= 1
    if line.live == 0 { lines[user] = nil }
    return next.item
  }

  private func isLive(_ entry: Waiting) -> Bool {
    waiting[entry.item.key]?.number == entry.number
  }
}
