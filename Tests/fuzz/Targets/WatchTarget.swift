import FoundationEssentials
import Text

@testable import Kubernetes
@testable import KubernetesClient

/// The answer to a watch, and other answers of an API server. The first octet says how long
/// the pieces are in which it comes.
func readWatch(_ octets: UnsafeRawBufferPointer) {
  guard let size = octets.first else { return }
  let stream = UnsafeRawBufferPointer(rebasing: octets.dropFirst())
  var splitter = LineSplitter()
  var lines: [Data] = []
  for start in stride(from: 0, to: stream.count, by: Int(size) + 1) {
    let piece = stream[start..<min(start + Int(size) + 1, stream.count)]
    // An input of a fuzzer is far shorter than the longest line.
    lines += (try? splitter.take(UnsafeRawBufferPointer(rebasing: piece))) ?? []
  }
  var expected = Data(stream).split(separator: 0x0A, omittingEmptySubsequences: false)
  precondition(splitter.rest == expected.removeLast(), "the last line's beginning has changed")
  precondition(lines == expected.filter { !$0.isEmpty }, "the lines have changed")

  for line in lines + [splitter.rest] {
    if case .error(let error)? = try? JSONDecoder().decode(WatchEvent<Pod>.self, from: line) {
      tell(error)
    }
    _ = try? JSONDecoder().decode(WatchEvent<Node>.self, from: line)
    tell(KubernetesError(status: 429, body: line))
  }
}

/// As the log does, the time to wait included.
private func tell(_ error: KubernetesError) {
  _ = (error.description, error.isGone, error.isTransient)
  if let seconds = error.retryAfter { _ = String(rounded: seconds) }
}
