import DequeModule
import FoundationEssentials
import Glibc
import Runtime
import Text

/// One connected socket that carries frames both ways. Never blocks: what the peer
/// does not read yet is queued up to a limit, after which the peer is dropped.
@EventLoop
public final class FrameConnection {
  /// The most octets that wait for a slow reader.
  public static let queueLimit = 64 << 20
  /// Octets up to which frames are put together, to be written by one call of the kernel.
  private static let chunk = 64 << 10

  /// What the peer may do.
  struct Limits {
    /// The most octets of a frame that it sends.
    var frame = Frame.limit
    /// Seconds in which a frame that it has begun must be whole.
    var frameTime = 10.0
    /// Seconds after which the connection ends, whatever it does; nil for no end.
    var life: Double?
  }

  /// Where all connections read to, one after the other. Not allocated for each read: to free so much
  /// has malloc look through all that is free.
  private static let readBuffer = UnsafeMutableRawBufferPointer.allocate(
    byteCount: 64 << 10, alignment: 1)

  private let descriptor: Int32
  private let limits: Limits
  private let clock: any Clock
  private var reader: FrameReader
  private var frameDeadline: Deadline?
  private var lifeDeadline: Deadline?
  /// Whole frames to write, several in each; of the first, the octets from `outputOffset` on.
  private var output: Deque<Data> = []
  private var outputOffset = 0
  /// Whether writing comes at the end of this turn of the loop.
  private var isWriteDue = false
  /// Whether it comes when the kernel takes more.
  private var waitsForRoom = false
  /// Within ``onDrained``.
  private var isDrained = false
  private var readSource: EventSource?
  private var writeSource: EventSource?
  /// Whether it holds its descriptor.
  private(set) var isOpen = true
  private var endsWhenWritten = false

  /// How often the kernel was called to write.
  private(set) var writes = 0

  /// Octets that the peer has not read yet.
  public private(set) var queued = 0

  /// Gets each frame's JSON.
  public var onFrame: (@EventLoop (Data) -> Void)?
  /// Called once at the end, with the reason; nil when the peer just closed.
  public var onClose: (@EventLoop (String?) -> Void)?
  /// Called when everything queued has been handed to the kernel.
  public var onDrained: (@EventLoop () -> Void)?

  init(descriptor: Int32, limits: Limits = Limits(), clock: any Clock) {
    self.descriptor = descriptor
    self.limits = limits
    self.clock = clock
    reader = FrameReader(limit: limits.frame)
  }

  /// Starts to read.
  func start() {
    let readSource = EventSource.descriptor(descriptor, .read) { [weak self] _ in self?.read() }
    readSource.resume()
    self.readSource = readSource
    writeSource = EventSource.descriptor(descriptor, .write) { [weak self] _ in self?.write() }
    guard let life = limits.life else { return }
    lifeDeadline = Deadline(after: life, clock: clock) { [weak self] in
      self?.close("still open after \(String(rounded: life)) s")
    }
  }

  deinit {
    guard isOpen else { return }
    // First: a closed descriptor's number may soon be another's.
    readSource = nil
    writeSource = nil
    Glibc.close(descriptor)
  }

  /// Queues one frame (from ``Frame/encode(_:)``).
  public func send(_ frame: Data) {
    guard isOpen, !endsWhenWritten else { return }
    guard queued + frame.count <= Self.queueLimit else {
      return close("reads too slowly: \(queued) octets wait, the limit is \(Self.queueLimit)")
    }
    if let last = output.last, last.count + frame.count <= Self.chunk {
      output[output.count - 1].append(frame)
    } else {
      output.append(frame)
    }
    queued += frame.count
    guard !isWriteDue else { return }
    // A snapshot's next part waits for its turn beside all else on the loop.
    if isDrained { return waitForRoom(true) }
    guard !waitsForRoom else { return }
    isWriteDue = true
    writeSource?.activate(.write)
  }

  private func waitForRoom(_ waits: Bool) {
    guard waits != waitsForRoom else { return }
    waitsForRoom = waits
    if waits { writeSource?.resume() } else { writeSource?.suspend() }
  }

  /// Ends the connection after what is queued has been written.
  public func finish() {
    endsWhenWritten = true
    if output.isEmpty { close(nil) }
  }

  /// Ends the connection now.
  public func close(_ reason: String?) {
    guard isOpen else { return }
    isOpen = false
    readSource?.suspend()
    writeSource?.suspend()
    readSource = nil
    writeSource = nil
    frameDeadline = nil
    lifeDeadline = nil
    Glibc.close(descriptor)
    output.removeAll()
    let onClose = onClose
    self.onClose = nil
    onFrame = nil
    onDrained = nil
    onClose?(reason)
  }

  /// Whether what comes is read: not while a simulated process is stopped.
  package func setReading(_ reads: Bool) {
    guard isOpen else { return }
    if reads { readSource?.resume() } else { readSource?.suspend() }
    waitForRoom(reads && !output.isEmpty)
  }

  /// Ends the connection as the end of this process would: nobody here is told.
  package func abandon() {
    onClose = nil
    close(nil)
  }

  /// Takes a part of what has come, without waiting for more.
  /// - Returns: whether there was anything.
  @discardableResult
  func read() -> Bool {
    guard isOpen else { return false }
    var came = false
    let buffer = Self.readBuffer
    let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
    if count > 0 {
      came = true
      reader.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
      close(reader.pending > 0 ? "closed in the middle of a frame" : nil)
      return false
    }
    do throws(FrameError) {
      while isOpen, let json = try reader.next() {
        frameDeadline = nil
        onFrame?(json)
      }
    } catch {
      close(error.description)
      return false
    }
    limitFrame()
    return came
  }

  /// Gives a frame that has begun its time; octet by octet it could be held open for ever.
  private func limitFrame() {
    guard isOpen, reader.pending > 0 else {
      frameDeadline = nil
      return
    }
    guard frameDeadline == nil else { return }
    let seconds = limits.frameTime
    frameDeadline = Deadline(after: seconds, clock: clock) { [weak self] in
      guard let self else { return }
      // What has come and is unread counts: it is not the peer that is slow then.
      while frameDeadline?.hasPassed == true, read() {}
      guard frameDeadline?.hasPassed == true else { return }
      close("a frame is not whole \(String(rounded: seconds)) s after its first octet")
    }
  }

  private func write() {
    isWriteDue = false
    while let first = output.first {
      writes += 1
      let count = first.withUnsafeBytes { bytes in
        Glibc.send(
          descriptor, bytes.baseAddress.map { $0 + outputOffset }, bytes.count - outputOffset,
          Int32(MSG_NOSIGNAL))
      }
      if count < 0 {
        if errno == EAGAIN || errno == EINTR { return waitForRoom(true) }
        return close(errno == EPIPE ? nil : errorText(errno))
      }
      queued -= count
      outputOffset += count
      if outputOffset == first.count {
        output.removeFirst()
        outputOffset = 0
      }
    }
    // The room that a burst took is given back.
    output = []
    waitForRoom(false)
    if endsWhenWritten { return close(nil) }
    isDrained = true
    onDrained?()
    isDrained = false
  }
}
