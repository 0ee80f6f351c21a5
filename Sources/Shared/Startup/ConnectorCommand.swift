import ArgumentParser
import Glibc

/// One of the three programs: what is wrong with its arguments is one line on standard error.
public protocol ConnectorCommand: ParsableCommand {}

extension ConnectorCommand {
  /// Parses the command line and runs. Wrong arguments end with status 64 (EX_USAGE of
  /// sysexits.h), as ArgumentParser has it, without the lines on usage that it adds.
  public static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
      let program = configuration.commandName ?? "\(self)"
      StandardError.print("\(program): \(message(for: error)) (see --help)")
      Glibc.exit(exitCode(for: error).rawValue)
    }
  }
}
