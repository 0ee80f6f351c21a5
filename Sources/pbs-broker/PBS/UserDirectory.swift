import Logging
import Runtime

/// What this host says of users, remembered for some seconds. Each question is asked on a thread of its
/// own: behind it may be a directory service that is slow or away, and the loop does not wait for that.
@EventLoop
final class UserDirectory {
  /// Seconds for which a known user is believed; afterwards he is, until the next answer.
  nonisolated static let fresh = 60.0
  /// Seconds after which an answer that does not come counts as a failure.
  nonisolated static let patience = 10.0
  /// Questions at once; a thread that hangs is one of them until its end.
  nonisolated static let mostAtOnce = 4
  /// Names that are remembered; of more, those that nobody waits for and that are not watched go.
  nonisolated static let most = 1000

  private final class Entry {
    var answer: UserAnswer?
    /// Monotonic seconds of that answer.
    var at = -Double.infinity
    /// Not to be asked again before this moment, where he is not known.
    var notBefore = -Double.infinity
    var isAsking = false
    var waiting: [CheckedContinuation<UserAnswer, Never>] = []
    var backoff: Backoff
    var timer: (any Timer)?

    init(jitter: Jitter) {
      backoff = Backoff(first: 5, longest: 30, jitter: jitter)
    }
  }

  private let clock: any Clock
  private let look: @Sendable (String) -> UserAnswer
  private var entries: [String: Entry] = [:]
  /// Asked for, while as many as may be are under way.
  private var queue: [String] = []
  private var underWay = 0
  private var watched: Set<String> = []
  /// Another answer than before is there for a watched name, or the first one.
  var onChange: (@EventLoop (String) -> Void)?

  /// - Parameter look: asks this host; called on other threads.
  nonisolated init(
    clock: any Clock, look: @escaping @Sendable (String) -> UserAnswer = { PBSUser.lookUp($0) }
  ) {
    self.clock = clock
    self.look = look
  }

  /// These names matter all the time: while they are not known, they are asked for again and again.
  func watch(_ names: Set<String>) {
    watched = names
    for name in names.sorted() {
      refresh(name)
      let entry = entry(of: name)
      if case .known = entry.answer { continue }
      // Asked for a moment ago, when nobody watched.
      if !entry.isAsking { askAgain(name, entry) }
    }
  }

  /// Whether nobody is being asked about at the moment.
  var isIdle: Bool { underWay == 0 && queue.isEmpty }

  /// What is known of a user; nil where nothing is yet.
  func answer(for name: String) -> UserAnswer? { entries[name]?.answer }

  /// Enters answers that somebody else has got.
  func enter(_ answers: [String: UserAnswer]) {
    for (name, answer) in answers { enter(answer, for: name) }
  }

  /// What this host says of a user; after some seconds that it says nothing. Whoever was known is known
  /// at once, and asked for again meanwhile where that was long ago.
  func find(_ name: String) async -> UserAnswer {
    let entry = entry(of: name)
    refresh(name)
    switch entry.answer {
    case .known(let user): return .known(user)
    case .some(let answer) where clock.now < entry.notBefore: return answer
    default: return await withCheckedContinuation { entry.waiting.append($0) }
    }
  }

  /// Asks where there is no answer, or where it is no longer to be believed.
  private func refresh(_ name: String) {
    let entry = entry(of: name)
    guard !entry.isAsking else { return }
    if case .known = entry.answer {
      guard clock.now - entry.at >= Self.fresh, clock.now >= entry.notBefore else { return }
    } else {
      guard clock.now >= entry.notBefore else { return }
    }
    entry.isAsking = true
    let timer = clock.timer { [weak self] in self?.enter(.failed(Self.silence), for: name) }
    timer.schedule(after: Self.patience)
    entry.timer = timer
    queue.append(name)
    askNext()
  }

  private static let silence = "no answer within \(Int(patience)) s"

  private func askNext() {
    while underWay < Self.mostAtOnce, !queue.isEmpty {
      let name = queue.removeFirst()
      // Given up while it waited.
      guard entries[name]?.isAsking == true else { continue }
      underWay += 1
      let isStarted = BlockingCall.start { [weak self, look] in
        let answer = look(name)
        Task { @EventLoop in self?.told(answer, of: name) }
      }
      if !isStarted { told(.failed("there is no thread to ask on"), of: name) }
    }
  }

  private func told(_ answer: UserAnswer, of name: String) {
    underWay -= 1
    enter(answer, for: name)
    askNext()
  }

  private func enter(_ answer: UserAnswer, for name: String) {
    let entry = entry(of: name)
    let before = entry.answer
    entry.isAsking = false
    entry.timer = nil
    entry.at = clock.now
    switch (answer, before) {
    case (.known, _):
      entry.answer = answer
      entry.backoff.reset()
      entry.notBefore = -.infinity
    case (.failed, .known):
      // Silence is no word about him.
      entry.notBefore = clock.now + entry.backoff.delay()
    case (.unknown, _), (.failed, _):
      entry.answer = answer
      entry.notBefore = clock.now + entry.backoff.delay()
      askAgain(name, entry)
    }
    let waiting = entry.waiting
    entry.waiting = []
    for continuation in waiting { continuation.resume(returning: entry.answer ?? answer) }
    if entry.answer != before, watched.contains(name) { onChange?(name) }
  }

  private func askAgain(_ name: String, _ entry: Entry) {
    guard watched.contains(name) else { return }
    let timer = clock.timer { [weak self, weak entry] in
      guard let self, let entry, watched.contains(name) else { return }
      // Timers are exact to a millisecond, and may be early by a part of one.
      entry.notBefore = -.infinity
      refresh(name)
    }
    timer.schedule(after: entry.notBefore - clock.now)
    entry.timer = timer
  }

  private func entry(of name: String) -> Entry {
    if let entry = entries[name] { return entry }
    if entries.count >= Self.most {
      entries = entries.filter { name, entry in
        watched.contains(name) || entry.isAsking || !entry.waiting.isEmpty
      }
    }
    let entry = Entry(jitter: clock.jitter())
    entries[name] = entry
    return entry
  }
}

extension UserDirectory {
  /// Asks this host for some users at once, and waits for it: for the start, and for a configuration
  /// that is read again.
  /// - Parameter seconds: how long, for all together.
  /// - Returns: the answers that have come.
  nonisolated static func ask(
    _ names: Set<String>, within seconds: Double,
    look: @escaping @Sendable (String) -> UserAnswer = { PBSUser.lookUp($0) }
  ) -> [String: UserAnswer] {
    guard !names.isEmpty else { return [:] }
    let answers = CollectedAnswers()
    let sorted = names.sorted()
    let isStarted = BlockingCall.start {
      for name in sorted { answers.add(look(name), for: name) }
      answers.finish()
    }
    guard isStarted else { return [:] }
    return answers.wait(within: seconds)
  }
}
