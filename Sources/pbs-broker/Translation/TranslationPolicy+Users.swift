/// Namespaces whose jobs are to be those of a PBS user of their own.
extension TranslationPolicy {
  /// The namespaces, as the configuration names them, by their users.
  var namespacesByUser: [String: [String]] {
    var names: [String: [String]] = [:]
    guard let namespaces else {
      return base.user.map { [$0.value: ["all"]] } ?? [:]
    }
    for (name, entry) in namespaces.entries {
      guard let user = entry?.user else { continue }
      names[user.value, default: []].append(name)
    }
    return names.mapValues { $0.sorted() }
  }

  /// Each user whom the configuration names, and where.
  var userKeys: [(name: String, key: String)] {
    let entries = [base] + (namespaces?.entries.values.compactMap(\.self) ?? [])
    return entries.compactMap(\.user).map { ($0.value, $0.source) }.sorted { $0 < $1 }
  }

  /// Notes which users' jobs cannot be submitted, or not now: their namespaces' pods are refused, or wait.
  /// - Parameter answer: what this host has said of a user; nil where it has said nothing yet.
  /// - Returns: what is to be said of it, on one line each; none where all is as ever.
  mutating func close(
    _ users: SubmittingUsers, _ answer: (String) -> UserAnswer?
  ) -> (notice: String?, warning: String?) {
    closedUsers = [:]
    unclearUsers = [:]
    var open: [String] = []
    var parts: [(words: String, isClosed: Bool, names: [String])] = []
    for (user, names) in namespacesByUser where user != users.own {
      let obstacle = users.obstacle(to: user, answer(user))
      let (words, isClosed): (String, Bool)
      switch obstacle {
      case nil:
        open.append(user)
        continue
      case .closed(let reason):
        closedUsers[user] = reason
        (words, isClosed) = (reason, true)
      case .unclear(let reason):
        unclearUsers[user] = reason
        (words, isClosed) = (reason, false)
      }
      let name = "\(names.joined(separator: ", ")) (user \(user))"
      if let known = parts.firstIndex(where: { $0.words == words }) {
        parts[known].names.append(name)
      } else {
        parts.append((words, isClosed, [name]))
      }
    }
    let warnings = [true, false].compactMap { isClosed -> String? in
      let those = parts.filter { $0.isClosed == isClosed }.sorted { $0.words < $1.words }
        .map { "\($0.names.sorted().joined(separator: ", ")), since \($0.words)" }
      guard !those.isEmpty else { return nil }
      let what =
        isClosed
        ? "cannot serve namespaces, whose pods are refused"
        : "cannot serve namespaces now, whose pods wait"
      return "\(what): \(those.joined(separator: "; "))"
    }
    return (
      open.isEmpty
        ? nil
        : "submits as PBS users \(open.sorted().joined(separator: ", ")), each by processes of its own",
      warnings.isEmpty ? nil : warnings.joined(separator: "; ")
    )
  }
}
