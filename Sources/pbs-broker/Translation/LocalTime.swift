import Glibc

/// Moments in the local time of this host, as `qsub -a` writes and reads them. (cvtdate() of
/// OpenPBS's Libcmds.)
enum LocalTime {
  /// Seconds since 1970 of "CCYYMMDDhhmm" or "CCYYMMDDhhmm.SS"; nil when it is neither.
  static func seconds(_ text: String) -> Int? {
    let octets = Array(text.utf8)
    let hasSeconds = octets.count == 15 && octets[12] == UInt8(ascii: ".")
    guard octets.count == 12 || hasSeconds else { return nil }
    let digits = octets.filter { (0x30...0x39).contains($0) }.map { Int32($0) - 0x30 }
    guard digits.count == octets.count - (hasSeconds ? 1 : 0) else { return nil }
    func pair(_ index: Int) -> Int32 { digits[index] * 10 + digits[index + 1] }
    var time = tm()
    time.tm_year = pair(0) * 100 + pair(2) - 1900
    time.tm_mon = pair(4) - 1
    time.tm_mday = pair(6)
    time.tm_hour = pair(8)
    time.tm_min = pair(10)
    time.tm_sec = hasSeconds ? pair(12) : 0
    time.tm_isdst = -1
    let wanted = time
    let seconds = mktime(&time)
    // A 31st of February would become a day of March.
    guard seconds >= 0, time.tm_mday == wanted.tm_mday, time.tm_mon == wanted.tm_mon,
      time.tm_min == wanted.tm_min, time.tm_sec == wanted.tm_sec, wanted.tm_hour < 24
    else { return nil }
    return seconds
  }

  private static let months: [Substring] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// Seconds since 1970 as PBS tells them: libpbs as a number, qstat as "Thu Nov 26 10:00:00 2026".
  static func told(_ text: String) -> Int? {
    if let seconds = Int(text) { return (1..<253_402_300_800).contains(seconds) ? seconds : nil }
    let words = text.split(separator: " ")
    guard words.count == 5, let month = months.firstIndex(of: words[1]), let day = Int32(words[2]),
      let year = Int32(words[4]), (1...31).contains(day), (1970...9999).contains(year)
    else { return nil }
    let clock = words[3].split(separator: ":").compactMap { Int32($0) }
    guard clock.count == 3, clock.allSatisfy({ (0...60).contains($0) }) else { return nil }
    var time = tm()
    time.tm_year = year - 1900
    time.tm_mon = Int32(month)
    time.tm_mday = day
    time.tm_hour = clock[0]
    time.tm_min = clock[1]
    time.tm_sec = clock[2]
    time.tm_isdst = -1
    let seconds = mktime(&time)
    return seconds > 0 ? seconds : nil
  }

  /// "CCYYMMDDhhmm.SS" of seconds since 1970; nil beyond the years of four digits.
  static func text(_ seconds: Int) -> String? {
    var moment = time_t(seconds)
    var time = tm()
    guard localtime_r(&moment, &time) != nil, (70...8099).contains(time.tm_year) else { return nil }
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let date = [time.tm_mon + 1, time.tm_mday, time.tm_hour, time.tm_min].map(two).joined()
    return "\(Int(time.tm_year) + 1900)\(date).\(two(time.tm_sec))"
  }
}
