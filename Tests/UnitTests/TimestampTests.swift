import FoundationEssentials
import Testing

@testable import Kubernetes

/// metav1.Time and metav1.MicroTime: RFC 3339.
@Suite struct TimestampTests {
  /// Text, and seconds since 1970.
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("2026-11-24T03:34:47Z", 1_795_491_287),
    ("2024-02-29T23:59:59Z", 1_709_251_199),
    ("2026-11-24T03:34:47.000000Z", 1_795_491_287),
    ("2026-11-24T03:34:47.250000Z", 1_795_491_287.25),
    ("2026-11-24T03:34:47.5Z", 1_795_491_287.5), ("2026-11-24T04:34:47+01:00", 1_795_491_287),
  ])
  func reads(_ text: String, _ seconds: Double) throws {
    let date = try #require(Timestamp.parse(text))
    #expect(abs(date.timeIntervalSince1970 - seconds) < 1e-6)
  }

  @Test(arguments: [
    "", "yesterday", "2026-11-24", "03:34:47Z", "2026-13-24T03:34:47Z", "1795491287",
  ])
  func refuses(_ text: String) {
    #expect(Timestamp.parse(text) == nil)
  }

  @Test(arguments: [
    (0.0, "1970-01-01T00:00:00.000000Z"), (1_795_491_287, "2026-11-24T03:34:47.000000Z"),
    (1_795_491_287.5, "2026-11-24T03:34:47.500000Z"),
    (1_795_491_287.0625, "2026-11-24T03:34:47.062500Z"),
    (1_795_491_287.0078125, "2026-11-24T03:34:47.007812Z"),
  ])
  func writesMicroseconds(_ seconds: Double, _ text: String) {
    #expect(Timestamp.micro(Date(timeIntervalSince1970: seconds)) == text)
  }

  @Test(arguments: [
    (0.0, "1970-01-01T00:00:00Z"), (1_795_491_287, "2026-11-24T03:34:47Z"),
    (1_795_491_287.9, "2026-11-24T03:34:47Z"),
  ])
  func writesSeconds(_ seconds: Double, _ text: String) {
    #expect(Timestamp.seconds(Date(timeIntervalSince1970: seconds)) == text)
  }
}
