/// Work that waits its turn, with a bound on how much of it is under way at once. Owners take turns,
/// and each one's work is done first come, first served.
@EventLoop
public final class WorkQueue<Item: Sendable> {
  private let limit: @EventLoop () -> Int
  private let work: @EventLoop (Item) async -> Void
  private var items = Turns<Item>()
  private var active = 0
  private let ending = Drain()

  /// Called when nothing waits any more.
  public var onEmpty: (@EventLoop () -> Void)?

  /// - Parameters:
  ///   - limit: how many may be under way now; 0 holds the queue until ``start()``.
  ///   - work: what is done with each item.
  public init(
    limit: @escaping @EventLoop () -> Int, work: @escaping @EventLoop (Item) async -> Void
  ) {
    self.limit = limit
    self.work = work
  }

  /// How many wait, those under way not counted.
  public var count: Int { items.count }

  /// How many of this owner wait.
  public func count(of owner: String) -> Int { items.count(of: owner) }

  /// Queues one item, and starts it when there is room.
  /// - Parameters:
  ///   - owner: whose turn it takes, such as a namespace.
  ///   - first: before all that wait, since its turn had come before.
  public func add(_ item: Item, of owner: String = "", first: Bool = false) {
    items.add(item, of: owner, first: first)
    start()
  }

  /// Nothing more is started.
  public var isDraining: Bool { ending.hasBegun }

  /// Starts nothing more, and waits for what is under way.
  public func drain() async { await ending.begin(isIdle: active == 0) }

  /// Starts what there is room for; to be called when the limit has grown.
  public func start() {
    guard !items.isEmpty, !isDraining else { return }
    while active < limit(), let item = items.popFirst() {
      active += 1
      Task { @EventLoop in
        await work(item)
        active -= 1
        if active == 0 { ending.idle() }
        start()
      }
    }
    if items.isEmpty { onEmpty?() }
  }
}
