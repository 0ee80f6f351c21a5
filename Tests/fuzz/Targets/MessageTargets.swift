import FoundationEssentials

@testable import Messages
@testable import Wire
@testable import pbs_broker

/// What kube-watcher sends.
func readWatcherMessage(_ octets: UnsafeRawBufferPointer) {
  readTwice(octets, as: WatcherMessage.self) { message in
    // The owner is the publisher's to write.
    if case .pod(let pod, _) = message { .pod(pod, owner: nil) } else { message }
  }
}

/// What pbs-broker sends.
func readBrokerMessage(_ octets: UnsafeRawBufferPointer) {
  readTwice(octets, as: BrokerMessage.self)
  _ = try? JSONDecoder().decode(OwnedBrokerMessage.self, from: Data(octets))
}

/// What a binder sends.
func readBinderMessage(_ octets: UnsafeRawBufferPointer) {
  readTwice(octets, as: BinderMessage.self)
}

/// The messages that are sent by all, each of which the input is tried as.
func readControlMessages(_ octets: UnsafeRawBufferPointer) {
  readTwice(octets, as: ControlMessage.Hello.self)
  readTwice(octets, as: ControlMessage.Synced.self)
  readTwice(octets, as: ControlMessage.Ping.self)
  readTwice(octets, as: ControlMessage.Pong.self)
  readTwice(octets, as: ControlMessage.Goodbye.self)
  guard let type = (try? JSONDocument(Data(octets)))?.type else { return }
  var unknown = UnknownTypes()
  precondition((unknown.new(type)?.count ?? .max) <= 64, "a made-up type is kept at any length")
  precondition(unknown.new(type) == nil, "a type is new twice")
}

/// What PBS's hooks send. A job's id goes into a command line.
func readHint(_ octets: UnsafeRawBufferPointer) {
  guard let hint = HintListener.hint(Data(octets)) else { return }
  precondition(hint.job.utf8.first.map { (0x30...0x39).contains($0) } == true, "not a job's id")
  precondition(
    hint.job.unicodeScalars.allSatisfy { $0.isASCII && $0.value > 0x20 && $0.value < 0x7F },
    "a job's id that no command line can take")
}

/// A message that can be read can be written, and is then read as the same.
private func readTwice<Message: Codable & Equatable>(
  _ octets: UnsafeRawBufferPointer, as type: Message.Type,
  written: (Message) -> Message = { $0 }
) {
  guard let message = try? JSONDecoder().decode(type, from: Data(octets)) else { return }
  do {
    let again = try JSONDecoder().decode(type, from: try JSONEncoder().encode(message))
    precondition(again == written(message), "written and read again, \(message) is \(again)")
  } catch {
    preconditionFailure("\(message) can be read, but not be written and read again: \(error)")
  }
}
