import Runtime

/// What carries requests to one server and brings its answers: ``HTTPClient``, or a server in memory.
@EventLoop
public protocol HTTPTransport: AnyObject {
  /// Sends a request and waits for the whole answer.
  /// - Throws: ``HTTPError``, or `CancellationError` when the task is cancelled.
  func send(_ request: HTTPRequest) async throws -> HTTPResponse

  /// Sends a request and hands over the answer's octets as they come.
  /// - Parameters:
  ///   - onHead: called when the answer begins, which may be long before its first octet.
  ///   - onData: gets the status and the octets of each piece, on the loop.
  /// - Returns: the status, when the server has ended the answer.
  /// - Throws: ``HTTPError``, or `CancellationError` when the task is cancelled.
  func stream(
    _ request: HTTPRequest, onHead: @escaping @EventLoop () -> Void,
    onData: @escaping @EventLoop (Int, UnsafeRawBufferPointer) -> Void
  ) async throws -> Int

  /// Logs a failure when it begins: until something is answered, further ones are the same.
  func complain(_ text: String)
}
