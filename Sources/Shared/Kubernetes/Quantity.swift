/// A Kubernetes quantity, exact to one nano: "640Mi", "1.5", "100m", "1e3".
///
/// The format is that of `k8s.io/apimachinery/pkg/api/resource`: a decimal number and an
/// optional suffix (n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent). Finer
/// fractions are rounded up, as Kubernetes does.
public struct Quantity: Sendable, Hashable, Comparable {
  /// The value times 10^9.
  public let nano: Int128

  public init(nano: Int128) {
    self.nano = nano
  }

  /// Reads a quantity.
  /// - Throws: ``QuantityError`` when the text is none, or is beyond 2^63.
  public init(_ text: String) throws(QuantityError) {
    guard let nano = Self.parse(text) else { throw QuantityError(text: text) }
    self.nano = nano
  }

  public static let zero = Quantity(nano: 0)

  /// Rounded up to a whole number: CPUs, octets. A sum beyond 2^63 is the largest there is.
  public var roundedUp: Int {
    let unit: Int128 = 1_000_000_000
    let whole = nano / unit
    return Int(clamping: whole * unit < nano ? whole + 1 : whole)
  }

  public static func + (a: Quantity, b: Quantity) -> Quantity { Quantity(nano: a.nano + b.nano) }
  public static func < (a: Quantity, b: Quantity) -> Bool { a.nano < b.nano }

  private static let binary: [Substring: Int] = [
    "Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60,
  ]
  private static let decimal: [Substring: Int] = [
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
  ]

  private static func parse(_ text: String) -> Int128? {
    var rest = text[...]
    let isNegative = rest.first == "-"
    if isNegative || rest.first == "+" { rest = rest.dropFirst() }
    let whole = rest.prefix { $0.isASCII && $0.isNumber }
    rest = rest.dropFirst(whole.count)
    var fraction: Substring = ""
    if rest.first == "." {
      rest = rest.dropFirst()
      fraction = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest.dropFirst(fraction.count)
    }
    guard !(whole.isEmpty && fraction.isEmpty), whole.count <= 20 else { return nil }
    while fraction.last == "0" { fraction = fraction.dropLast() }
    guard fraction.count <= 18, let digits = Int128(String(whole) + String(fraction)) else {
      return nil
    }

    // value = digits * 10^exponent * 2^shift
    var exponent = -fraction.count
    var shift = 0
    if let bits = binary[rest] {
      shift = bits
    } else if let power = decimal[rest] {
      exponent += power
    } else if let first = rest.first, first == "e" || first == "E",
      let power = Int(rest.dropFirst()), (-40...40).contains(power)
    {
      exponent += power
    } else {
      return nil
    }
    exponent += 9
    var (value, overflow) = digits.multipliedReportingOverflow(by: Int128(1) << Int128(shift))
    while exponent > 0, !overflow {
      (value, overflow) = value.multipliedReportingOverflow(by: 10)
      exponent -= 1
    }
    guard !overflow else { return nil }
    var remainder = false
    while exponent < 0 {
      remainder = remainder || value % 10 != 0
      value /= 10
      exponent += 1
    }
    if remainder { value += 1 }
    guard value <= Int128(Int64.max) * 1_000_000_000 else { return nil }
    return isNegative ? -value : value
  }
}

/// A text that is not a quantity.
public struct QuantityError: Error, CustomStringConvertible {
  public let text: String
  /// With as much of the text as is worth repeating.
  public var description: String {
    "\(String(reflecting: String(text.unicodeScalars.prefix(40)))) is not a quantity"
  }
}
