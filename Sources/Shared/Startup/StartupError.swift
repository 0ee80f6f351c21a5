/// Something that can never work as it is: printed on one line, and the process ends.
public struct StartupError: Error, CustomStringConvertible {
  public let description: String
  /// The line of the configuration file that it is about, where that is known.
  public let line: Int?

  /// For whoever reads it in a log: with its line.
  public static func text(of error: any Error) -> String {
    guard let line = (error as? StartupError)?.line else { return "\(error)" }
    return "\(error) (line \(line))"
  }

  public init(_ description: String, line: Int? = nil) {
    self.description = description
    self.line = line
  }
}
