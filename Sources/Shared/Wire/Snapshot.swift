import FoundationEssentials
import Glibc
import Runtime

/// What a socket tells whoever asks, once: for commands that look and end. Unlike a
/// ``Subscription`` it waits, so it is not for processes that have other work.
public struct Snapshot {
  /// Who serves the socket.
  public let instance: String
  /// The messages in the order of telling, control messages left out.
  public let messages: [JSONDocument]

  /// Connects as an observer and reads until `synced`.
  /// - Parameters:
  ///   - path: the socket.
  ///   - seconds: after which a server that has not told all counts as hanging.
  /// - Throws: ``SocketError``.
  public static func read(
    _ path: String, within seconds: Double, clock: any Clock
  ) throws(SocketError) -> Snapshot {
    let descriptor = try UnixSocket.connect(path: path)
    defer { close(descriptor) }
    var reader = Reader(path: path, deadline: clock.now + seconds, clock: clock)
    return try reader.read(descriptor)
  }

  private struct Reader {
    let path: String
    let deadline: Double
    let clock: any Clock
    var frames = FrameReader()

    mutating func read(_ descriptor: Int32) throws(SocketError) -> Snapshot {
      var instance: String?
      var messages: [JSONDocument] = []
      while true {
        guard let octets = try next(descriptor) else { continue }
        guard let json = try? JSONDocument(octets), let type = json.type
        else { throw failure("a message is not a JSON object with a type") }
        switch ControlMessage.Kind(rawValue: type) {
        case .hello:
          guard let hello = try? json.decode(ControlMessage.Hello.self) else {
            throw failure("hello cannot be read")
          }
          guard hello.protocol == ControlMessage.protocolVersion else {
            throw failure(
              "protocol \(hello.protocol) is not \(ControlMessage.protocolVersion), which is spoken here"
            )
          }
          instance = hello.instance
        case .goodbye:
          let goodbye = try? json.decode(ControlMessage.Goodbye.self)
          throw failure("the server says goodbye: \(goodbye?.reason ?? "without a reason")")
        case .synced: return Snapshot(instance: instance ?? "", messages: messages)
        case .ping: continue
        case .pong, nil: messages.append(json)
        }
      }
    }

    /// The next frame; nil when more octets have been read and it is still not whole.
    private mutating func next(_ descriptor: Int32) throws(SocketError) -> Data? {
      do throws(FrameError) {
        if let json = try frames.next() { return json }
      } catch {
        throw failure(error.description)
      }
      let left = deadline - clock.now
      var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard left > 0, Glibc.poll(&poll, 1, Int32((left * 1000).rounded(.up))) > 0 else {
        throw failure("it has not told all that it knows in time")
      }
      let count = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 1) { buffer in
        let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        if count > 0 { frames.append(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
        return count
      }
      guard count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR)) else {
        throw failure(count == 0 ? "the server has closed the connection" : errorText(errno))
      }
      return nil
    }

    private func failure(_ words: String) -> SocketError {
      SocketError(description: "\(path): \(words)", isTransient: true)
    }
  }
}
