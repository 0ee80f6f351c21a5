import Kubernetes
import Startup
import Text

/// The site's policy, as the configuration has it: read whole, or not at all.
extension TranslationPolicy {
  init(_ settings: Settings) throws {
    self.init()
    base.defaults = ["cpu": try Quantity("1"), "memory": try Quantity("256Mi")]
    base = try NamespacePolicy(settings, within: base)
    resources = try Self.counterparts(settings)
    if resources["cpu"] != nil {
      // With a unit of its own, a pod need not hold a whole CPU.
      leastCPU = try Quantity("100m")
    }
    leastCPU = try settings.quantity("least-cpu") ?? leastCPU
    leastMemory = try settings.quantity("least-memory") ?? leastMemory
    deadlineMargin =
      try settings.count("deadline-margin", in: 0...86400) ?? deadlineMargin
    for (label, resource) in try settings.table("node-labels") ?? [:] {
      try Self.check(resource, settings, "node-labels.\(label)")
      let isTaken = resources.values.contains { counterpart in
        if case .resource(let name, _) = counterpart {
          return name.lowercased() == resource.lowercased()
        }
        return false
      }
      if isTaken {
        throw settings.problem("node-labels.\(label)", "\(resource) is one of pbs-broker.resources")
      }
      nodeLabels[label] = resource.lowercased()
    }
    try readTaints(settings)
    for (name, section) in try settings.sections("priority-classes") ?? [] {
      priorityClasses[name] = try Self.priorityClass(section, settings, "priority-classes.\(name)")
    }
    if let sections = try settings.sections("namespaces") {
      var entries: [String: NamespacePolicy?] = [:]
      for (name, section) in sections {
        guard KubernetesName.isSubdomain(String(name.map { $0 == "*" ? "a" : $0 })) else {
          throw settings.problem("namespaces.\(name)", "no namespace is called that")
        }
        switch section {
        case .keys(let keys):
          entries[name] = try NamespacePolicy(keys, within: base)
          try keys.finish()
        case .text("left-out"): entries[name] = .some(nil)
        case .text: throw settings.wrong("namespaces.\(name)", "a mapping, or left-out")
        }
      }
      namespaces = NamespacePolicies(entries: entries)
    }
  }

  private mutating func readTaints(_ settings: Settings) throws {
    ignoredTaints = Set(try settings.texts("ignore-taints") ?? [])
    for key in ignoredTaints.sorted() where !KubernetesName.isQualifiedName(key) {
      throw settings.problem("ignore-taints", "\(PlainText.quoted(key)) is no taint's key")
    }
    for (key, text) in try settings.table("taint-resources") ?? [:] {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      guard KubernetesName.isQualifiedName(key), parts.count == 2,
        OptionValue.isResourceValue(parts[1])
      else { throw settings.wrong("taint-resources.\(key)", "NAME=VALUE of a PBS resource") }
      try Self.check(parts[0], settings, "taint-resources.\(key)")
      taintResources[key] = (parts[0].lowercased(), parts[1])
    }
  }

  private static func counterparts(_ settings: Settings) throws -> [String: Counterpart] {
    var counterparts: [String: Counterpart] = [:]
    for (name, section) in try settings.sections("resources") ?? [] {
      let place = "resources.\(name)"
      if name == "memory" { throw settings.problem(place, "memory is mem, always") }
      switch section {
      case .text("ignore") where name != "cpu": counterparts[name] = .ignored
      case .text(let resource):
        try check(resource, settings, place)
        counterparts[name] = .resource(resource)
      case .keys(let entry):
        guard let resource = try entry.text("resource") else {
          throw settings.wrong(place, "a PBS resource, or have one in its key resource")
        }
        try check(resource, settings, "\(place).resource")
        let unit = try entry.quantity("unit") ?? Quantity("1")
        guard unit > .zero else { throw settings.wrong("\(place).unit", "more than 0") }
        counterparts[name] = .resource(resource, unit: unit)
        try entry.finish()
      }
    }
    return counterparts
  }

  /// What a select has in any case, or may not have.
  private static let reserved: Set<String> = [
    "ncpus", "mem", "host", "vnode", "select", "place", "walltime", "ignore",
  ]

  private static func check(_ resource: String, _ settings: Settings, _ place: String) throws {
    guard OptionValue.isResource(resource[...]), !reserved.contains(resource.lowercased()),
      !resource.lowercased().hasPrefix("k8s_")
    else {
      throw settings.problem(
        place, "\(PlainText.quoted(resource)) is no resource that a pod may become")
    }
  }

  private static func priorityClass(
    _ section: Settings.Section, _ settings: Settings, _ place: String
  ) throws -> JobOptions {
    var options = JobOptions()
    switch section {
    case .text(let text):
      let key: OptionKey = Int(text) == nil ? .queue : .priority
      try options.set(key, text, from: settings, at: place)
    case .keys(let entry):
      for key in [OptionKey.priority, .queue] {
        guard let text = try entry.text(key.rawValue) else { continue }
        try options.set(key, text, from: entry, at: key.rawValue)
      }
      try entry.finish()
    }
    return options
  }
}

extension NamespacePolicy {
  /// The keys of an entry of `namespaces`, or those of pbs-broker itself, of the same names.
  init(_ settings: Settings, within base: NamespacePolicy) throws {
    self = base
    key = settings.key
    if let text = try settings.text("user") {
      guard Self.isUser(text) else {
        throw settings.problem("user", "\(PlainText.quoted(text)) is no name of a user")
      }
      user = Sourced(value: text, source: "\(settings.key).user")
    }
    if let text = try settings.text("queue") { try set(.queue, text, settings) }
    if let text = try settings.text("project") { try set(.project, text, settings) }
    if let text = try settings.text("account") { try set(.account, text, settings) }
    if let text = try settings.text("group") { try set(.group, text, settings) }
    if let cpu = try settings.quantity("default-cpu") {
      defaults["cpu"] = cpu
      defaultKeys["cpu"] = "\(key).default-cpu"
    }
    if let memory = try settings.quantity("default-memory") {
      defaults["memory"] = memory
      defaultKeys["memory"] = "\(key).default-memory"
    }
    try readWalltimes(settings)
    for (name, text) in try settings.table("limits") ?? [:] {
      let words = "\(settings.key).limits.\(name) is \(text)"
      guard let quantity = try? Quantity(text), quantity >= .zero else {
        throw settings.wrong("limits.\(name)", "a quantity")
      }
      limits[name] = Limit(quantity: quantity, words: words)
    }
    if let items = try settings.texts("annotations") {
      annotations = Sourced(
        value: try Self.annotations(items, settings), source: "\(settings.key).annotations")
    }
    switch try settings.word("unsupported", Unsupported.self) {
    case .ignore: ignoresUnsupported = "\(settings.key).unsupported"
    case .refuse: ignoresUnsupported = nil
    case nil: break
    }
    for (name, section) in try settings.sections("flavours") ?? [] {
      guard case .keys(let entry) = section else {
        throw settings.wrong("flavours.\(name)", "a mapping")
      }
      var options = JobOptions()
      for key in OptionKey.allCases where OptionKey.ofFlavours.contains(key) {
        guard let text = try entry.text(key.rawValue) else { continue }
        try options.set(key, text, from: entry, at: key.rawValue)
      }
      try entry.finish()
      flavours[name] = options
    }
  }

  /// Names that PBS and a proof of submission take; not a number, which would mean a user id.
  private static func isUser(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 32 else { return false }
    let isLetter = { (octet: UInt8) in
      (0x61...0x7A).contains(octet | 0x20) || octet == UInt8(ascii: "_")
    }
    return isLetter(first)
      && text.utf8.allSatisfy {
        isLetter($0) || (0x30...0x39).contains($0) || "-.".utf8.contains($0)
      }
  }

  private enum Unsupported: String, CaseIterable { case refuse, ignore }

  private mutating func set(_ key: OptionKey, _ text: String, _ settings: Settings) throws {
    try options.set(key, text, from: settings, at: key.rawValue)
  }

  private mutating func readWalltimes(_ settings: Settings) throws {
    if let text = try settings.text("longest-walltime") {
      longestWalltime = try Self.walltime(text, settings, "longest-walltime")
    }
    if let text = try settings.text("default-walltime") {
      let own = try Self.walltime(text, settings, "default-walltime")
      if let longest = longestWalltime, own.value > longest.value {
        throw settings.wrong("default-walltime", "at most \(longest.source), \(longest.value) s")
      }
      defaultWalltime = own
    } else if let own = defaultWalltime, let longest = longestWalltime, own.value > longest.value {
      defaultWalltime = longest
    }
  }

  private static func walltime(
    _ text: String, _ settings: Settings, _ key: String
  ) throws -> Sourced<Int> {
    do throws(OptionError) {
      return Sourced(value: try OptionValue.walltime(text), source: "\(settings.key).\(key)")
    } catch {
      throw settings.problem(key, error.words)
    }
  }

  /// "walltime", "queue=gpu", "project=team-*", "all". Those of one key are alternatives.
  private static func annotations(
    _ items: [String], _ settings: Settings
  ) throws -> [OptionKey: [String]?] {
    var allowed: [OptionKey: [String]?] = [:]
    for item in items {
      if item == "all" {
        for key in OptionKey.allCases where allowed[key] == nil { allowed[key] = .some(nil) }
        continue
      }
      let name = item.prefix { $0 != "=" }
      guard let key = OptionKey(rawValue: String(name)) else {
        let known = OptionKey.allCases.map(\.rawValue).joined(separator: ", ")
        throw settings.problem(
          "annotations", "\(PlainText.quoted(String(name))) is none of all, \(known)")
      }
      if name.count == item.count {
        allowed[key] = .some(nil)
      } else {
        let value = String(item.dropFirst(name.count + 1))
        allowed[key] = ((allowed[key] ?? nil) ?? []) + [value]
      }
    }
    return allowed
  }
}

extension JobOptions {
  /// Enters an option of the configuration.
  fileprivate mutating func set(
    _ key: OptionKey, _ text: String, from settings: Settings, at place: String
  ) throws {
    do throws(OptionError) {
      try set(key, text, source: "\(settings.key).\(place)")
    } catch {
      throw settings.problem(place, error.words)
    }
  }
}

extension Settings {
  fileprivate func quantity(_ key: String) throws -> Quantity? {
    guard let text = try text(key) else { return nil }
    do throws(QuantityError) {
      return try Quantity(text)
    } catch {
      throw wrong(key, "a quantity")
    }
  }
}
