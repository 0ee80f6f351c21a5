import CLibevent
import CLinux
import Glibc
import Synchronization

/// The one actor on which everything in a process runs. Its executor is the libevent
/// loop, so code that waits reads top to bottom (`await`), and nothing needs a lock.
///
/// A process calls ``run()`` once, on its main thread, and never returns from it
/// until ``stop(status:)``.
@globalActor
public actor EventLoop {
  public static let shared = EventLoop()

  let executor = EventLoopExecutor()

  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Runs the loop on the calling thread until ``stop(status:)``.
  /// - Returns: the exit status given to `stop`.
  public nonisolated func run() -> Int32 {
    executor.run()
  }

  /// Does all that can be done now, on the calling thread, without waiting for anything: for a
  /// simulation, whose time moves between two such calls. Instead of ``run()``, and always on the
  /// same thread.
  package nonisolated func runPending() {
    executor.runPending()
  }

  /// From now on the loop does what else goes to Swift's thread pool: a task that was waiting is
  /// resumed over the pool, even when it belongs to the loop. That costs two switches of threads, for
  /// each answer of a server, and in which order it happens nobody could repeat. For a program that
  /// does all on the loop, before its first task.
  /// - Returns: whether this Swift can do that; where it cannot, the pool is used as always.
  @discardableResult
  package nonisolated func takeGlobalJobs() -> Bool {
    connector_take_global_jobs { pointer in
      guard let pointer else { return }
      EventLoop.shared.executor.add(unsafeBitCast(pointer, to: UnownedJob.self))
    } == 0
  }

  /// How many jobs have come from other threads. In a simulation none does: in which order they
  /// come, no seed says.
  package nonisolated var strays: Int { executor.strays.load(ordering: .relaxed) }

  /// Ends ``run()`` after the callbacks that are due now.
  public func stop(status: Int32 = 0) {
    executor.stop(status: status)
  }

  /// Ends the loop from a callback that runs on it.
  @EventLoop
  public func stopNow(_ status: Int32) {
    executor.stop(status: status)
  }

  /// Runs `operation`, which the caller knows to be on the loop's thread: the way in
  /// for callbacks from C. Traps elsewhere.
  public static nonisolated func assumeIsolated<T>(
    _ operation: @EventLoop () throws -> T
  ) rethrows -> T where T: Sendable {
    shared.executor.checkIsolated()
    typealias Nonisolated = () throws -> T
    // The isolation was checked above; only the type's annotation is removed, as
    // MainActor.assumeIsolated does it in the standard library.
    return try withoutActuallyEscaping(operation) {
      (function: @escaping @EventLoop () throws -> T) in
      try unsafeBitCast(function, to: Nonisolated.self)()
    }
  }

  /// The raw `event_base`, for event sources.
  static nonisolated var base: OpaquePointer { shared.executor.base }

  /// A source has called its handler.
  static nonisolated func noteActivity() { shared.executor.activity &+= 1 }
}

/// A serial executor that runs Swift jobs between libevent's callbacks.
final class EventLoopExecutor: SerialExecutor, @unchecked Sendable {
  // Sendable: `queue` and `thread` are guarded by their own mutex or atomic; `base` and
  // `wakeEvent` are set in init, and used afterwards only by the thread in run(), save
  // for wakeDescriptor, whose write(2) is safe from any thread.
  let base: OpaquePointer
  private let queue = Mutex<[UnownedJob]>([])
  private let thread = Atomic<UInt>(0)
  /// Jobs that other threads have given to the loop.
  fileprivate let strays = Atomic<Int>(0)
  private let wakeDescriptor: Int32
  private var wakeEvent: OpaquePointer?
  private var running: [UnownedJob] = []
  private var status: Int32 = 0
  /// How often something was done; touched by the loop's thread only.
  fileprivate var activity: UInt64 = 0

  init() {
    guard let base = event_base_new() else { fatalError("libevent: no event base") }
    self.base = base
    wakeDescriptor = connector_eventfd()
    guard wakeDescriptor >= 0 else { fatalError("eventfd: \(String(cString: strerror(errno)))") }
    wakeEvent = event_new(
      base, wakeDescriptor, Int16(EV_READ | EV_PERSIST),
      { descriptor, _, context in
        guard let context else { return }
        var count: UInt64 = 0
        _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
        Unmanaged<EventLoopExecutor>.fromOpaque(context).takeUnretainedValue().runJobs()
      }, Unmanaged.passUnretained(self).toOpaque())
    event_add(wakeEvent, nil)
  }

  func enqueue(_ job: consuming ExecutorJob) { add(UnownedJob(job)) }

  fileprivate func add(_ unowned: UnownedJob) {
    let wasEmpty = queue.withLock { queue in
      queue.append(unowned)
      return queue.count == 1
    }
    guard wasEmpty else { return }
    if isLoopThread {
      event_active(wakeEvent, Int32(EV_READ), 0)
    } else {
      strays.add(1, ordering: .relaxed)
      var one: UInt64 = 1
      // Cannot fail usefully: a full counter means that a wake-up is already pending.
      _ = write(wakeDescriptor, &one, MemoryLayout<UInt64>.size)
    }
  }

  private func runJobs() {
    activity &+= 1
    queue.withLock { swap(&$0, &running) }
    for job in running {
      job.runSynchronously(on: asUnownedSerialExecutor())
    }
    running.removeAll(keepingCapacity: true)
  }

  func run() -> Int32 {
    thread.store(UInt(pthread_self()), ordering: .sequentiallyConsistent)
    event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY)
    return status
  }

  func runPending() {
    thread.store(UInt(pthread_self()), ordering: .sequentiallyConsistent)
    var before: UInt64
    repeat {
      before = activity
      event_base_loop(base, EVLOOP_NONBLOCK)
    } while activity != before
  }

  func stop(status: Int32) {
    self.status = status
    event_base_loopexit(base, nil)
  }

  private var isLoopThread: Bool {
    thread.load(ordering: .relaxed) == UInt(pthread_self())
  }

  func checkIsolated() {
    precondition(isLoopThread, "not on the event loop's thread")
  }

  func isIsolatingCurrentContext() -> Bool? {
    isLoopThread
  }
}
