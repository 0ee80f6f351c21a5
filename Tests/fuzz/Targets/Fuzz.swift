import Glibc

@testable import Startup

/// One kind of input from outside, and what reads it. It traps where something is wrong.
typealias Target = @Sendable (_ octets: UnsafeRawBufferPointer) -> Void

/// All targets by name. Tests/fuzz/corpus has a folder of inputs to begin with for each.
private let targets: [(name: String, run: Target)] = [
  ("frame-reader", readFrames),
  ("control-messages", readControlMessages),
  ("watcher-message", readWatcherMessage),
  ("broker-message", readBrokerMessage),
  ("binder-message", readBinderMessage),
  ("hint", readHint),
  ("qstat", readQstat),
  ("helper-answer", readHelperAnswer),
  ("helper-request", readHelperRequest),
  ("job-ids", readJobIDs),
  ("pbs-values", readPBSValues),
  ("names", readNames),
  ("proof", readProof),
  ("pod", translatePod),
  ("quantity", readQuantity),
  ("kubeconfig", readConfiguration),
  ("watch", readWatch),
]

private nonisolated(unsafe) var target: Target = { _ in }

/// libFuzzer's own flags begin with one hyphen; it leaves alone what begins with two.
@_cdecl("LLVMFuzzerInitialize")
public func initialise(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
  let words = (0..<Int(count.pointee)).compactMap { index in
    arguments.pointee[index].map { String(cString: $0) }
  }
  if words.contains("--targets") {
    for target in targets { print(target.name) }
    exit(0)
  }
  let names = words.compactMap { $0.hasPrefix("--target=") ? String($0.dropFirst(9)) : nil }
  if names == [knownCrash.name] {
    target = knownCrash.run
  } else if names.count == 1, let found = targets.first(where: { $0.name == names[0] }) {
    target = found.run
  } else {
    StandardError.print("fuzz: give one --target=NAME; --targets lists them")
    exit(2)
  }
  return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  target(UnsafeRawBufferPointer(start: start, count: count))
  return 0
}

/// Not in the list: with it the run itself is tested, that it finds a crash and says so.
private let knownCrash: (name: String, run: Target) = (
  "known-crash",
  { octets in
    if octets.first == UInt8(ascii: "!") { preconditionFailure("as wanted") }
  }
)
