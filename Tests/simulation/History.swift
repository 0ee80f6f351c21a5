import ManualTime

@testable import Runtime

/// What has happened in a run: a fingerprint of all of it, and the last of it in words.
@EventLoop
final class History {
  private static let most = 300

  private let time: ManualClock
  /// Prints each line at once.
  private let isLoud: Bool
  private var lines: [String] = []
  private var next = 0
  /// FNV-1a over all lines, and how many there were.
  private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325
  private(set) var count = 0

  init(_ time: ManualClock, isLoud: Bool) {
    self.time = time
    self.isLoud = isLoud
  }

  func note(_ text: String) {
    add(time.now.bitPattern)
    var text = text
    text.withUTF8 { octets in
      for octet in octets { digest = (digest ^ UInt64(octet)) &* 0x100_0000_01b3 }
    }
    count += 1
    let line = "\(stamp) \(text)"
    if isLoud { print(line) }
    if lines.count < Self.most {
      lines.append(line)
    } else {
      lines[next] = line
      next = (next + 1) % Self.most
    }
  }

  /// The last lines, in order.
  var last: [String] { Array(lines[next...] + lines[..<next]) }

  private func add(_ word: UInt64) {
    var word = word
    for _ in 0..<8 {
      digest = (digest ^ (word & 0xff)) &* 0x100_0000_01b3
      word >>= 8
    }
  }

  /// Hours, minutes, seconds and milliseconds since the beginning.
  private var stamp: String {
    let milliseconds = Int(((time.now - Run.beginning) * 1000).rounded())
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let rest = "\(milliseconds % 1000)"
    return "\(milliseconds / 3_600_000):\(two(milliseconds / 60000 % 60)):"
      + "\(two(milliseconds / 1000 % 60))."
      + String(repeating: "0", count: 3 - rest.count) + rest
  }
}
