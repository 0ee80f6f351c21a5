/// The wait for what is under way, when nothing more is to be started.
@EventLoop
public final class Drain {
  /// Nothing more is to be started.
  public private(set) var hasBegun = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  public nonisolated init() {}

  /// Begins, and waits until nothing is under way.
  /// - Parameter isIdle: nothing is at this moment.
  public func begin(isIdle: Bool) async {
    hasBegun = true
    guard !isIdle else { return }
    await withCheckedContinuation { waiting.append($0) }
  }

  /// Nothing is under way now.
  public func idle() {
    guard hasBegun else { return }
    for continuation in waiting { continuation.resume() }
    waiting = []
  }
}
