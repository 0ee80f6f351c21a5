import ArgumentParser
import FoundationEssentials
import Glibc
import Messages
import Runtime
import Startup
import Text
import Wire

/// Shows what the sockets of kube-watcher and pbs-broker tell, on one screen.
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows pods by state, what they wait for, and what is unanswered.",
    discussion: """
      It reads both sockets as an observer, as socat does. --config FILE, --watcher and --socket are
      pbs-broker's own. Exit status 0; 1 when a socket does not tell; 2 when the configuration cannot
      be read.
      """)

  /// Seconds in which a socket must have told all.
  private static let patience = 10.0
  /// Clears the screen and goes to its upper left corner (ECMA-48).
  private static let clear = "\u{1b}[H\u{1b}[2J"
  /// Octets of a line at most.
  private static let widest = 400

  @ParentCommand var broker: PBSBroker

  @Option(
    name: [.customShort("w"), .customLong("watch")],
    help: "Draw the screen anew every so many seconds, until interrupted.")
  var watch: Double?

  func validate() throws {
    if let watch, !(watch >= 0.1 && watch <= 3600) {
      throw ValidationError("--watch takes 0.1 to 3600 seconds")
    }
  }

  func run() throws {
    let watcher: String
    let socket: String
    do {
      let settings = try Settings(path: broker.common.config, program: "pbs-broker")
      watcher =
        try settings.text("watcher", flag: broker.watcher)
        ?? "\(Process.runDirectory)/kube-watcher.sock"
      socket =
        try settings.text("socket", flag: broker.socket)
        ?? "\(Process.runDirectory)/pbs-broker.sock"
    } catch {
      StandardError.print("pbs-broker: \(StartupError.text(of: error))")
      throw ExitCode(2)
    }
    let clock = SystemClock()
    var screen = Self.look(watcher, socket, clock)
    guard let watch else {
      Self.show(screen)
      if !screen.isWhole { throw ExitCode(1) }
      return
    }
    var time = clock.now
    while true {
      print(Self.clear, terminator: "")
      Self.show(screen)
      // A screen has nothing to wait for but the next one.
      Glibc.usleep(UInt32(watch * 1e6))
      let before = screen.status.bound
      screen = Self.look(watcher, socket, clock)
      let now = clock.now
      screen.bindingRate = Double(screen.status.bound.subtracting(before).count) / (now - time)
      time = now
    }
  }

  private static func show(_ screen: StatusScreen) {
    for line in screen.lines { print(PlainText.escaped(line, limit: widest)) }
    // All streams: a screen that is piped on is to be read at once, too.
    fflush(nil)
  }

  private static func look(
    _ watcher: String, _ socket: String, _ clock: any Clock
  ) -> StatusScreen {
    var status = SiteStatus()
    let watched = read(watcher, clock) { json in
      status.enter(try json.decode(WatcherMessage.self))
    }
    let brokered = read(socket, clock) { json in
      let owned = try json.decode(OwnedBrokerMessage.self)
      status.enter(owned.message, owner: owned.owner)
    }
    return StatusScreen(status: status, watcher: watched, broker: brokered)
  }

  private static func read(
    _ path: String, _ clock: any Clock, enter: (JSONDocument) throws -> Void
  ) -> StatusScreen.Side {
    do {
      let snapshot = try Snapshot.read(path, within: patience, clock: clock)
      for json in snapshot.messages { try enter(json) }
      return .told(by: snapshot.instance)
    } catch let error as SocketError {
      return .silent(error.description)
    } catch {
      return .silent("\(path): a message cannot be read: \(error)")
    }
  }
}
