import Logging
import Runtime

/// When many nodes are NotReady at once, or many hosts down, it is the control plane or PBS's server
/// that is in trouble, and no word about each of them: no further one is taken out of service on that.
@EventLoop
final class NodeDoubt {
  private let share: Double
  private let least: Int
  private let log: Logger
  private(set) var doubtsNodes = false
  private(set) var doubtsHosts = false

  /// - Parameters:
  ///   - share: the share of all, 0 to 1, that has to be exceeded.
  ///   - least: the number that has to be reached as well.
  init(share: Double, least: Int, log: Logger) {
    self.share = share
    self.least = least
    self.log = log
  }

  /// Takes in how many are away now.
  func judge(notReady: Int, down: Int, of total: Int) {
    let before = (doubtsNodes, doubtsHosts)
    doubtsNodes = isMany(notReady, total)
    doubtsHosts = isMany(down, total)
    if doubtsNodes, !before.0 {
      log.error(
        "\(notReady) of \(total) nodes are NotReady: no host of PBS is taken out of service for that until fewer are"
      )
    }
    if doubtsHosts, !before.1 {
      log.error(
        "PBS calls \(down) of \(total) hosts down: no node gets a taint for that until it calls fewer so"
      )
    }
  }

  private func isMany(_ count: Int, _ total: Int) -> Bool {
    count >= least && Double(count) > share * Double(total)
  }
}
