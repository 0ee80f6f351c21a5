/// Something that can never work as it is: printed on one line, and the process ends.
public struct StartupError: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) {
    self.description = description
  }
}
