import CLinux
import FoundationEssentials
import Glibc
import Runtime

/// A program that this process has started for itself, and speaks frames with over a pair of
/// sockets, the helper's standard input. It never outlives this process: the kernel kills it, and
/// its socket ends.
@EventLoop
public final class HelperProcess {
  private let pid: pid_t
  private let connection: FrameConnection
  private var hasEnded = false
  private var exitStatus: Int32?
  private var lastWords: String?

  /// Gets each frame's JSON.
  public var onFrame: (@EventLoop (Data) -> Void)?
  /// Called once when the helper has ended, and all that it had written has been read, with why.
  public var onEnd: (@EventLoop (String) -> Void)?

  /// Starts it.
  /// - Parameters:
  ///   - program: absolute path.
  ///   - name: what it is told as its own name; nil for the path.
  ///   - arguments: without that name.
  ///   - environment: all of the helper's environment.
  ///   - keepsCapabilities: whether it has this process's ambient capabilities.
  /// - Throws: ``CommandError``.
  public init(
    _ program: String, named name: String? = nil, _ arguments: [String],
    environment: [String: String], clock: any Clock, keepsCapabilities: Bool = false
  ) throws(CommandError) {
    var ends: [Int32] = [-1, -1]
    guard connector_socketpair(&ends) == 0 else {
      throw .cannotStart(program: program, reason: errorText(errno))
    }
    let (own, others) = (ends[0], ends[1])
    ChildEnds.prepare()
    let variables = environment.map { "\($0.key)=\($0.value)" }
    let pid = withCStrings([name ?? program] + arguments) { argumentVector in
      withCStrings(variables) { environmentVector in
        connector_spawn(
          program, argumentVector, environmentVector, others, 2, 2, keepsCapabilities ? 1 : 0)
      }
    }
    close(others)
    guard pid > 0 else {
      close(own)
      throw .cannotStart(program: program, reason: errorText(-pid))
    }
    _ = fcntl(own, F_SETFL, O_NONBLOCK)
    self.pid = pid
    connection = FrameConnection(descriptor: own, clock: clock)
    ChildEnds.watch(pid) { [weak self] in self?.exited($0) }
    connection.onFrame = { [weak self] in self?.onFrame?($0) }
    connection.onClose = { [weak self] in self?.closed($0) }
    connection.start()
  }

  deinit {
    // The handle of a child that has been reaped may be another's number by now.
    if exitStatus == nil { _ = Glibc.kill(pid, SIGKILL) }
  }

  /// Whether the process is still there. One that is stopped, and that this process may not kill,
  /// stays so after its end.
  public var isRunning: Bool { exitStatus == nil }

  /// Sends one JSON object; it must fit into a frame.
  public func send(_ json: Data) {
    connection.send(Frame.encode(json))
  }

  /// Ends it at once.
  /// - Parameter reason: what ``onEnd`` is told.
  public func kill(_ reason: String) {
    guard !hasEnded else { return }
    lastWords = reason
    if exitStatus == nil { _ = Glibc.kill(pid, SIGKILL) }
    connection.close(nil)
  }

  /// The helper's end of the socket is gone, or what came from it was no frame.
  private func closed(_ reason: String?) {
    if exitStatus == nil { _ = Glibc.kill(pid, SIGKILL) }
    // Without a reason the exit status tells more, and is about to come.
    if let reason = lastWords ?? reason { end(reason) }
  }

  private func exited(_ status: Int32) {
    exitStatus = status
    // What it wrote before its end is still to be read.
    while connection.read() {}
    connection.close(nil)
    end(status > 128 ? "it was ended by signal \(status - 128)" : "it ended with status \(status)")
  }

  private func end(_ reason: String) {
    guard !hasEnded else { return }
    hasEnded = true
    let onEnd = onEnd
    self.onEnd = nil
    onFrame = nil
    onEnd?(reason)
  }
}
