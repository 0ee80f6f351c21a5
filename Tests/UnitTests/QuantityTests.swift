import Testing

@testable import Kubernetes

/// The format is documented with `k8s.io/apimachinery/pkg/api/resource.Quantity`.
@Suite struct QuantityTests {
  /// Text, and the value times 10^9.
  static let values: [(String, Int128)] = [
    ("0", 0), ("1", 1_000_000_000), ("+1", 1_000_000_000), ("-1", -1_000_000_000),
    ("1.5", 1_500_000_000), (".5", 500_000_000), ("1.", 1_000_000_000), ("0010", 10_000_000_000),
    ("1.50000000000000000000000", 1_500_000_000),
    // Decimal suffixes.
    ("1n", 1), ("1u", 1_000), ("100m", 100_000_000), ("1k", 1_000_000_000_000),
    ("1M", 1_000_000_000_000_000), ("1G", 1_000_000_000_000_000_000),
    ("1T", 1_000_000_000_000_000_000_000), ("1P", 1_000_000_000_000_000_000_000_000),
    ("1E", 1_000_000_000_000_000_000_000_000_000), ("0.5k", 500_000_000_000),
    // Binary suffixes.
    ("1Ki", 1_024_000_000_000), ("640Mi", 671_088_640_000_000_000),
    ("1Gi", 1_073_741_824_000_000_000), ("1Ti", 1_099_511_627_776_000_000_000),
    ("1Pi", 1_125_899_906_842_624_000_000_000), ("1Ei", 1_152_921_504_606_846_976_000_000_000),
    ("1.5Gi", 1_610_612_736_000_000_000), ("0.5Ki", 512_000_000_000),
    // Exponents; E alone is a suffix.
    ("1e3", 1_000_000_000_000), ("1E3", 1_000_000_000_000), ("1e+3", 1_000_000_000_000),
    ("12.5e-1", 1_250_000_000), ("1e-9", 1), ("0e40", 0),
    // Finer than one nano: rounded up, away from zero.
    ("1e-10", 1), ("0.0000000001", 1), ("1.5n", 2), ("-1.5n", -2), ("0.1m", 100_000),
    // The largest: 2^63 - 1.
    ("9223372036854775807", 9_223_372_036_854_775_807_000_000_000),
    ("-9223372036854775807", -9_223_372_036_854_775_807_000_000_000),
    ("7Ei", 8_070_450_532_247_928_832_000_000_000),
  ]

  @Test(arguments: values)
  func reads(_ text: String, _ nano: Int128) throws {
    #expect(try Quantity(text).nano == nano)
  }

  @Test(arguments: [
    "", " ", "-", "+", ".", "-.", "Mi", "m", "e3", "one", "1 Mi", " 1", "1 ", "1\n", "--1", "+-1",
    "1-",
    "1.2.3", "1,5", "1ki", "1K", "1mi", "1MI", "1Mib", "1MiMi", "1mm", "1e", "1e+", "1e1.5",
    "1e3Mi", "1e1_0",
    "1_000", "0x10", "1e41", "1e-41", "1e99999999999999999999",
    // An exponent whose magnitude is no number of 64 bits.
    "1e-9223372036854775808", "1e9223372036854775807", "nan", "inf", "Infinity", "１", "٣",
    "1\u{0}",
  ])
  func refuses(_ text: String) {
    #expect(throws: QuantityError.self) { try Quantity(text) }
  }

  @Test(arguments: [
    "9223372036854775808", "-9223372036854775808", "8Ei", "10E", "1e19", "1e40",
    "99999999999999999999",
    "100000000000000000000", "99999999999999999999Ei", "99999999999999999999e40",
  ])
  func refusesWhatIsBeyond63Bits(_ text: String) {
    #expect(throws: QuantityError.self) { try Quantity(text) }
  }

  @Test func theErrorNamesTheText() {
    let error = #expect(throws: QuantityError.self) { try Quantity("12 bananas") }
    #expect(error?.description == "\"12 bananas\" is not a quantity")
  }

  @Test(arguments: [
    ("0", 0), ("1", 1), ("1n", 1), ("100m", 1), ("999m", 1), ("1000m", 1), ("1001m", 2), ("1.5", 2),
    ("2500m", 3),
    ("-1.5", -1), ("640Mi", 671_088_640), ("0.1Ki", 103), ("9223372036854775807", Int.max),
  ])
  func roundsUp(_ text: String, _ whole: Int) throws {
    #expect(try Quantity(text).roundedUp == whole)
  }

  @Test func aSumBeyond63BitsIsTheLargestNumber() throws {
    let sum = try Quantity("7Ei") + Quantity("7Ei")
    #expect(sum.roundedUp == Int.max)
  }

  @Test func addsExactly() throws {
    #expect(try Quantity("100m") + Quantity("1.9") == Quantity("2"))
    #expect(try (Quantity("333m") + Quantity("333m") + Quantity("333m")).roundedUp == 1)
  }

  @Test(arguments: [("1", "1000m"), ("1Gi", "1024Mi"), ("1e3", "1k"), ("0.5", "500m")])
  func isEqualByValue(_ a: String, _ b: String) throws {
    #expect(try Quantity(a) == Quantity(b))
  }

  @Test(arguments: [("1M", "1Mi"), ("-1", "0"), ("999m", "1"), ("1Gi", "1100M")])
  func isOrderedByValue(_ smaller: String, _ larger: String) throws {
    #expect(try Quantity(smaller) < Quantity(larger))
  }

  @Test func theErrorRepeatsNoMoreThanTheBeginning() {
    let error = #expect(throws: QuantityError.self) {
      try Quantity(String(repeating: "x", count: 1_000_000))
    }
    #expect(error?.description == "\"\(String(repeating: "x", count: 40))\" is not a quantity")
  }
}
