/// Something that can never work as it is: printed on one line, and the process ends.
public struct StartupError: Error, CustomStringConvertible {
  public let description: String
  /// The line of the configuration file that it is about, where that is known.
  public let line: Int?

  public init(_ description: String, line: Int? = nil) {
    self.description = description
    self.line = line
  }
}
