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
    for part in text.split(separator: "+", omittingEmptySubsequences: false) {
      var items = part.split(separator: ":", omittingEmptySubsequences: false)
      var count = 1
      if let number = items.first.flatMap({ Int($0) }) {
        count = number
        items.removeFirst()
      }
      var resources: [String: String] = [:]
      for item in items {
        guard let sign = item.firstIndex(of: "="), sign != item.startIndex else { return nil }
        resources[String(item[..<sign])] = String(item[item.index(after: sign)...])
      }
      guard count >= 0, chunks.count + count <= Self.most else { return nil }
      chunks += Array(repeating: resources, count: count)
    }
  }

  /// A number or a size ("2", "655360kb", "1GB"; sizes in octets); nil for everything else. One
  /// beyond 2^63 is the largest there is. (pbs_resources(7B), "size".)
  static func amount(_ text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty else { return nil }
    let powers = ["": 0, "b": 0, "kb": 10, "mb": 20, "gb": 30, "tb": 40, "pb": 50]
    guard let power = powers[text.dropFirst(digits.count).lowercased()] else { return nil }
    guard let number = Int(digits) else { return .max }
    let (result, overflow) = number.multipliedReportingOverflow(by: 1 << power)
    return overflow ? .max : result
  }
}
