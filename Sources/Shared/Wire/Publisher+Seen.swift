/// What a publisher shows of itself.
extension Publisher {
  /// How many subscribers there are of each role, by a list of that one name.
  public var roles: [[String]: Double] {
    subscribers.values.compactMap(\.hello?.role).reduce(into: [:]) {
      $0[[$1.rawValue], default: 0] += 1
    }
  }

  /// Whether subscribers are told all there is.
  public var hasAll: Bool { tells }
}
