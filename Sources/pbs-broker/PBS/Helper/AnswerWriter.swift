import FoundationEssentials
import Glibc
import Wire

/// Sends a helper's answer to the broker, in frames as it grows.
struct AnswerWriter {
  /// The octets of a frame, about, beyond which an answer goes on in another.
  private static let frameSize = 256 << 10
  /// The most octets of one object; a larger one is told without its attributes.
  private static let objectLimit = 512 << 10

  private var flat = FlatWriter()
  /// The broker is still there.
  private(set) var isHeard = true

  mutating func tell(job: PBSObjects.Item, waits: Bool) {
    tell(.job, job) { flat in
      for attribute in job.attributes {
        flat.add(
          attribute: attribute.name, resource: attribute.resource, attribute.value, waits: waits)
      }
      flat.endJob(isWhole: job.isWhole)
    } without: {
      $0.endJob(isWhole: false)
    }
  }

  /// Tells of a host, or of the server.
  mutating func tell(object: PBSObjects.Item) {
    tell(.object, object) { flat in
      for attribute in object.attributes { flat.add(attribute) }
      flat.endObject(isWhole: object.isWhole)
    } without: {
      $0.endObject(isWhole: false)
    }
  }

  private mutating func tell(
    _ part: HelperAnswer.Part, _ object: PBSObjects.Item, _ write: (inout FlatWriter) -> Void,
    without end: (inout FlatWriter) -> Void
  ) {
    flat.add(part)
    flat.add(object.name)
    let start = flat.count
    write(&flat)
    if flat.count - start > Self.objectLimit {
      flat.cut(to: start)
      end(&flat)
    }
    sendIfLong()
  }

  mutating func tell(gone id: String) {
    flat.add(HelperAnswer.Part.gone)
    flat.add(id)
    sendIfLong()
  }

  /// What was told before counts no more.
  mutating func tellFresh() { flat.add(HelperAnswer.Part.fresh) }

  mutating func tell(submitted id: String) {
    flat.add(HelperAnswer.Part.submitted)
    flat.add(id)
  }

  /// Ends the answer.
  mutating func end(_ failure: LibraryFailure? = nil) {
    if let failure { flat.add(failure) }
    flat.add(HelperAnswer.Part.last)
    send()
  }

  private mutating func sendIfLong() {
    if flat.count > Self.frameSize { send() }
  }

  private mutating func send() {
    defer { flat.removeAll() }
    guard isHeard else { return }
    isHeard = Frame.encode(Data(flat.octets)).withUnsafeBytes { octets in
      var rest = octets[...]
      while !rest.isEmpty {
        let count = write(0, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
      }
      return true
    }
  }
}

extension FlatWriter {
  fileprivate mutating func add(_ attribute: PBSObjects.Attribute) {
    add(octet: 1)
    guard let resource = attribute.resource else {
      add(attribute.name)
      return add(attribute.value)
    }
    add("\(String(flat: attribute.name)).\(String(flat: resource))")
    add(attribute.value)
  }

  fileprivate mutating func endObject(isWhole: Bool) {
    add(octet: 0)
    add(octet: isWhole ? 1 : 0)
  }
}
