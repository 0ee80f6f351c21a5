/// A select as PBS writes it, "1:ncpus=2:mem=640mb:host=node1+...".
/// (PBS Professional User's Guide, "Requesting Resources in Chunks".)
struct PBSSelect: Equatable {
  /// By resource, in PBS's spelling; a chunk that is asked for several times stands for each.
  var chunks: [[String: String]]

  /// The most chunks that are read.
  private static let most = 10_000

  /// Reads a select; nil when the text is none.
  init?(_ text: String) {
    chunks = []
    // By octets: cutting Strings into Characters costs many times as much.
    for part in text.utf8.split(separator: UInt8(ascii: "+"), omittingEmptySubsequences: false) {
      var items = part.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      var count = 1
      if let number = items.first.flatMap({ Int(Substring($0)) }) {
        count = number
        items.removeFirst()
      }
      var resources: [String: String] = [:]
      for item in items {
        guard let sign = item.firstIndex(of: UInt8(ascii: "=")), sign != item.startIndex else {
          return nil
        }
        resources[String(Substring(item[..<sign]))] = String(
          Substring(item[item.index(after: sign)...]))
      }
      guard count >= 0, chunks.count + count <= Self.most else { return nil }
      chunks += Array(repeating: resources, count: count)
    }
  }

  /// A number or a size ("2", "655360kb", "1GB"; sizes in octets); nil for everything else. One
  /// beyond 2^63 is the largest there is. (pbs_resources(7B), "size".)
  static func amount(_ text: String) -> Int? {
    let digits = text.utf8.prefix { (0x30...0x39).contains($0) }
    guard !digits.isEmpty, let power = power(of: text.utf8.dropFirst(digits.count)) else {
      return nil
    }
    guard let number = Int(Substring(digits)) else { return .max }
    let (result, overflow) = number.multipliedReportingOverflow(by: 1 << power)
    return overflow ? .max : result
  }

  /// "", "b", "kb", "MB": the power of two of a size's unit; nil for what is none.
  private static func power(of unit: Substring.UTF8View) -> Int? {
    // Small letters.
    let letters = unit.prefix(3).map { $0 | 0x20 }
    if letters.isEmpty { return 0 }
    guard letters.count <= 2, letters.last == UInt8(ascii: "b"), unit.allSatisfy({ $0 >= 0x41 })
    else { return nil }
    guard letters.count == 2 else { return 0 }
    return "kmgtp".utf8.enumerated().first { $0.element == letters[0] }.map { 10 * ($0.offset + 1) }
  }
}
