extension String {
  /// A number of seconds with one decimal.
  public init(rounded value: Double) {
    let tenths = Int((value * 10).rounded())
    self = "\(tenths / 10).\(tenths % 10)"
  }
}
