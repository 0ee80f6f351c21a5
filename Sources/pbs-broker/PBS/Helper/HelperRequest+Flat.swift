/// Requests as octets: a tag, and what belongs to it. Both ends are the same program.
extension HelperRequest {
  fileprivate enum Tag: UInt8 {
    case submit = 1
    case delete, alter, move, hold, release, deleteMoved
    case list, changes, stat, server, hosts, queues, setOffline, setResources
  }

  /// The octets of a frame.
  var octets: [UInt8] {
    var writer = FlatWriter()
    switch self {
    case .submit(let attributes, let queue):
      writer.add(Tag.submit)
      writer.add(attributes)
      writer.add(queue.map { [$0] } ?? [])
    case .delete(let job, let force):
      writer.add(Tag.delete)
      writer.add(job)
      writer.add(force)
    case .change(let job, let change): writer.add(change, of: job)
    case .list(let which, let telling):
      writer.add(Tag.list)
      writer.add(which)
      writer.add(telling)
    case .changes(let which):
      writer.add(Tag.changes)
      writer.add(which)
    case .stat(let ids):
      writer.add(Tag.stat)
      writer.add(ids)
    case .server: writer.add(Tag.server)
    case .hosts: writer.add(Tag.hosts)
    case .queues: writer.add(Tag.queues)
    case .setOffline(let isOffline, let host, let comment):
      writer.add(Tag.setOffline)
      writer.add(isOffline)
      writer.add(host)
      writer.add(comment)
    case .setResources(let resources, let vnode):
      writer.add(Tag.setResources)
      writer.add(resources.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] })
      writer.add(vnode)
    }
    return writer.octets
  }

  /// Reads ``octets``.
  init(_ octets: UnsafeRawBufferPointer) throws(FlatError) {
    var reader = FlatReader(octets)
    let number = try reader.octet()
    guard let tag = Tag(rawValue: number) else { throw .unknown(number) }
    switch tag {
    case .submit:
      self = .submit(attributes: try reader.attributes(), queue: try reader.texts().first)
    case .delete: self = .delete(job: try reader.text(), force: try reader.flag())
    case .alter: self = .change(job: try reader.text(), .alter(try reader.attributes()))
    case .move: self = .change(job: try reader.text(), .move(queue: try reader.text()))
    case .hold: self = .change(job: try reader.text(), .hold)
    case .release: self = .change(job: try reader.text(), .release)
    case .deleteMoved: self = .change(job: try reader.text(), .deleteMoved)
    case .list: self = .list(try reader.jobs(), telling: try reader.texts())
    case .changes: self = .changes(try reader.jobs())
    case .stat: self = .stat(try reader.texts())
    case .server: self = .server
    case .hosts: self = .hosts
    case .queues: self = .queues
    case .setOffline:
      self = .setOffline(
        try reader.flag(), host: try reader.text(), comment: try reader.text())
    case .setResources:
      self = .setResources(try reader.pairs(), vnode: try reader.text())
    }
    guard reader.isAtEnd else { throw .unexpected("what follows") }
  }
}

extension FlatWriter {
  fileprivate mutating func add(_ tag: some RawRepresentable<UInt8>) { add(octet: tag.rawValue) }

  fileprivate mutating func add(_ flag: Bool) { add(octet: flag ? 1 : 0) }

  fileprivate mutating func add(_ texts: [String]) {
    add(texts.count)
    for text in texts { add(text) }
  }

  fileprivate mutating func add(_ which: HelperRequest.Jobs) {
    add(which.user)
    add(which.byProof)
  }

  fileprivate mutating func add(_ attributes: [JobAttribute]) {
    add(attributes.count)
    for attribute in attributes {
      add(attribute.name)
      add(attribute.resource.map { [$0] } ?? [])
      add(attribute.value)
    }
  }

  fileprivate mutating func add(_ change: JobChange, of job: String) {
    switch change {
    case .alter(let attributes):
      add(HelperRequest.Tag.alter)
      add(job)
      add(attributes)
    case .move(let queue):
      add(HelperRequest.Tag.move)
      add(job)
      add(queue)
    case .hold:
      add(HelperRequest.Tag.hold)
      add(job)
    case .release:
      add(HelperRequest.Tag.release)
      add(job)
    case .deleteMoved:
      add(HelperRequest.Tag.deleteMoved)
      add(job)
    }
  }
}

extension FlatReader {
  fileprivate mutating func flag() throws(FlatError) -> Bool { try octet() == 1 }

  fileprivate mutating func texts() throws(FlatError) -> [String] {
    var texts: [String] = []
    for _ in 0..<(try number()) { texts.append(try text()) }
    return texts
  }

  /// Names and values in turn, the first of each name.
  fileprivate mutating func pairs() throws(FlatError) -> [String: String] {
    var pairs: [String: String] = [:]
    var texts = try texts()[...]
    while let name = texts.popFirst(), let value = texts.popFirst() {
      if pairs[name] == nil { pairs[name] = value }
    }
    return pairs
  }

  fileprivate mutating func jobs() throws(FlatError) -> HelperRequest.Jobs {
    HelperRequest.Jobs(user: try text(), byProof: try flag())
  }

  fileprivate mutating func attributes() throws(FlatError) -> [JobAttribute] {
    var attributes: [JobAttribute] = []
    for _ in 0..<(try number()) {
      let name = try text()
      let resource = try texts().first
      attributes.append(JobAttribute(name, try text(), resource: resource))
    }
    return attributes
  }
}
