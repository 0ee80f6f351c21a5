extension String {
  /// A number of seconds with one decimal.
  public init(rounded value: Double) {
    guard let tenths = Int(exactly: (value * 10).rounded()) else {
      // Too large for that, or no number.
      self = "\(value)"
      return
    }
    self = "\(tenths / 10).\(tenths % 10)"
  }
}
