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

  /// Notes which users' jobs cannot be submitted: their namespaces' pods are refused.
  /// - Returns: what is to be said of it, on one line each; none where all is as ever.
  mutating func close(_ users: SubmittingUsers) -> (notice: String?, warning: String?) {
    closedUsers = [:]
    let byUser = namespacesByUser.filter { $0.key != users.own }
    var refused: [String: [String]] = [:]
    for (user, names) in byUser {
      guard let reason = users.obstacle(to: user) else { continue }
      closedUsers[user] = reason
      refused[reason, default: []].append("\(names.joined(separator: ", ")) (user \(user))")
    }
    let open = byUser.keys.filter { closedUsers[$0] == nil }.sorted()
    let parts = refused.sorted { $0.key < $1.key }.map { reason, names in
      "\(names.sorted().joined(separator: ", ")), since \(reason)"
    }
    return (
      open.isEmpty
        ? nil
        : "submits as PBS users \(open.joined(separator: ", ")), each by processes of its own",
      parts.isEmpty
        ? nil
        : "cannot serve namespaces, whose pods are refused: \(parts.joined(separator: "; "))"
    )
  }
}
