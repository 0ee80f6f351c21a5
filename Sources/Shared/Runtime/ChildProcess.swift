import CLinux
import FoundationEssentials
import Glibc
import Text

/// What a command left behind.
public struct CommandResult: Sendable {
  /// The exit status; 128 plus the signal's number when a signal ended it.
  public let status: Int32
  public let standardOutput: Data
  public let standardError: Data

  /// Standard error as text, or standard output where there is none, on one line.
  public var words: String {
    let source = standardError.isEmpty ? standardOutput : standardError
    return String(decoding: source, as: UTF8.self)
      .split(whereSeparator: \.isNewline).map { $0.trimmingWhitespace() }.joined(separator: "; ")
  }
}

/// Why a command gave no result.
public enum CommandError: Error, CustomStringConvertible {
  case cannotStart(program: String, reason: String)
  case timedOut(program: String, seconds: Double)
  case tooMuchOutput(program: String, limit: Int)

  public var description: String {
    switch self {
    case .cannotStart(let program, let reason): "cannot start \(program): \(reason)"
    case .timedOut(let program, let seconds): "\(program) did not end within \(seconds) s"
    case .tooMuchOutput(let program, let limit): "\(program) printed more than \(limit) octets"
    }
  }
}

/// Programs started by this process and watched by its loop. A child never outlives
/// the process: the kernel kills it with its parent.
@EventLoop
public final class ChildProcess {
  /// The most that a command may print on one stream, in octets.
  public static let outputLimit = 256 << 20

  private let program: String
  private let clock: any Clock
  private let keepsCapabilities: Bool
  private let outputLimit: Int
  private var streams: [Int32: (source: EventSource, data: Data)] = [:]
  private var pid: pid_t = -1
  private var output: Int32 = -1
  private var error: Int32 = -1
  private var exitStatus: Int32?
  private var failure: CommandError?
  private var continuation: CheckedContinuation<CommandResult, any Error>?
  private var timer: (any Timer)?

  private init(program: String, clock: any Clock, keepsCapabilities: Bool, outputLimit: Int) {
    self.outputLimit = outputLimit
    self.program = program
    self.clock = clock
    self.keepsCapabilities = keepsCapabilities
  }

  /// Runs a program to its end, without a shell.
  /// - Parameters:
  ///   - program: absolute path.
  ///   - arguments: without the program's own name.
  ///   - environment: all of the child's environment.
  ///   - timeout: seconds after which the child is killed.
  ///   - keepsCapabilities: whether it has this process's ambient capabilities.
  ///   - outputLimit: the most that it may print on one stream, in octets.
  /// - Throws: ``CommandError``.
  public static func run(
    _ program: String, _ arguments: [String], environment: [String: String], timeout: Double,
    clock: any Clock, keepsCapabilities: Bool = false, outputLimit: Int = outputLimit
  ) async throws -> CommandResult {
    let child = ChildProcess(
      program: program, clock: clock, keepsCapabilities: keepsCapabilities,
      outputLimit: outputLimit)
    return try await withCheckedThrowingContinuation { continuation in
      child.start(arguments, environment, timeout, continuation)
    }
  }

  private func start(
    _ arguments: [String], _ environment: [String: String], _ timeout: Double,
    _ continuation: CheckedContinuation<CommandResult, any Error>
  ) {
    var outputPipe: [Int32] = [-1, -1]
    var errorPipe: [Int32] = [-1, -1]
    guard connector_pipe(&outputPipe) == 0 else {
      return continuation.resume(
        throwing: CommandError.cannotStart(program: program, reason: errorText(errno)))
    }
    guard connector_pipe(&errorPipe) == 0 else {
      let reason = errorText(errno)
      close(outputPipe[0])
      close(outputPipe[1])
      return continuation.resume(
        throwing: CommandError.cannotStart(program: program, reason: reason))
    }
    ChildEnds.prepare()
    let variables = environment.map { "\($0.key)=\($0.value)" }
    let pid = withCStrings([program] + arguments) { argumentVector in
      withCStrings(variables) { environmentVector in
        connector_spawn(
          program, argumentVector, environmentVector, -1, outputPipe[1], errorPipe[1],
          keepsCapabilities ? 1 : 0)
      }
    }
    close(outputPipe[1])
    close(errorPipe[1])
    guard pid > 0 else {
      close(outputPipe[0])
      close(errorPipe[0])
      return continuation.resume(
        throwing: CommandError.cannotStart(program: program, reason: errorText(-pid)))
    }
    self.pid = pid
    self.continuation = continuation
    ChildEnds.watch(pid) { [self] in finish(status: $0) }
    output = outputPipe[0]
    error = errorPipe[0]
    listen(output)
    listen(error)
    let timer = clock.timer { [weak self] in
      self?.kill(.timedOut(program: self?.program ?? "", seconds: timeout))
    }
    timer.schedule(after: timeout)
    self.timer = timer
  }

  private func listen(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    let source = EventSource.descriptor(descriptor, .read) { [weak self] _ in
      self?.drain(descriptor)
    }
    source.resume()
    streams[descriptor] = (source, Data())
  }

  private func drain(_ descriptor: Int32) {
    withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 1) { buffer in
      while true {
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        guard count > 0 else {
          if count == 0 || (errno != EAGAIN && errno != EINTR) {
            streams[descriptor]?.source.suspend()
          }
          return
        }
        streams[descriptor]?.data.append(
          contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        if let data = streams[descriptor]?.data, data.count > outputLimit {
          kill(.tooMuchOutput(program: program, limit: outputLimit))
          return
        }
      }
    }
  }

  private func kill(_ reason: CommandError) {
    guard exitStatus == nil, failure == nil else { return }
    failure = reason
    _ = Glibc.kill(pid, SIGKILL)
  }

  // The end is the child's exit, not the end of its output: a grandchild (qsub's
  // background process, say) may hold the pipe open long after.
  private func finish(status: Int32) {
    exitStatus = status
    drain(output)
    drain(error)
    timer?.suspend()
    let data = (streams[output]?.data ?? Data(), streams[error]?.data ?? Data())
    streams.removeAll()
    close(output)
    close(error)
    guard let continuation else { return }
    self.continuation = nil
    if let failure {
      continuation.resume(throwing: failure)
    } else {
      continuation.resume(
        returning: CommandResult(status: status, standardOutput: data.0, standardError: data.1))
    }
  }
}

/// The text of an errno value.
package func errorText(_ code: Int32) -> String {
  String(cString: strerror(code))
}

/// Calls `body` with a null-terminated vector of C strings.
package func withCStrings<R>(
  _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
) -> R {
  var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
  pointers.append(nil)
  defer { for pointer in pointers { free(pointer) } }
  return pointers.withUnsafeBufferPointer { buffer in
    // The buffer holds at least the terminating nil, so it has a base address.
    body(buffer.baseAddress!)
  }
}
