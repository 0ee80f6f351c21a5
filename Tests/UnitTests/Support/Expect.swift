import Testing

/// As `#expect(value == expected)`, for a value that is got by changing something: within the
/// macro nothing can be changed.
func expect<Value: Equatable & Sendable>(
  _ value: Value, is expected: Value, _ comment: Comment? = nil,
  at location: SourceLocation = #_sourceLocation
) {
  #expect(value == expected, comment, sourceLocation: location)
}
