import FoundationEssentials

@testable import Wire

/// A stream of frames in pieces. The first octet says how long the pieces are.
func readFrames(_ octets: UnsafeRawBufferPointer) {
  guard let size = octets.first else { return }
  let stream = UnsafeRawBufferPointer(rebasing: octets.dropFirst())
  let whole = read(stream, inPiecesOf: max(stream.count, 1))
  let pieces = read(stream, inPiecesOf: Int(size) + 1)
  precondition(whole.frames == pieces.frames, "the pieces change what is read")
  precondition(whole.error == pieces.error, "the pieces change what is refused")

  // A length has one form only, so the frames make up again the octets that they came from.
  let again = whole.frames.map { Frame.encode($0) }.reduce(Data(), +)
  precondition(stream.starts(with: again), "frames were read that were not sent")
  precondition(
    whole.error != nil || whole.pending == stream.count - again.count, "octets have got lost")
}

private struct Reading {
  var frames: [Data] = []
  var error: String?
  var pending = 0
}

private func read(_ stream: UnsafeRawBufferPointer, inPiecesOf size: Int) -> Reading {
  var reader = FrameReader()
  var reading = Reading()
  for start in stride(from: 0, to: stream.count, by: size) {
    let piece = stream[start..<min(start + size, stream.count)]
    let before = reader.pending
    reader.append(UnsafeRawBufferPointer(rebasing: piece))
    precondition(reader.pending == before + piece.count, "what has been read is not forgotten")
    do throws(FrameError) {
      while let frame = try reader.next() { reading.frames.append(frame) }
    } catch {
      // The excerpt in a description may be longer or shorter, as more or less has come.
      reading.error =
        switch error {
        case .malformedLength: "malformed length"
        case .tooLong(let length, _): "\(length) is too long"
        case .missingLineFeed: "no line feed"
        }
      break
    }
  }
  reading.pending = reader.pending
  return reading
}
