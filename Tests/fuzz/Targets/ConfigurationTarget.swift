import FoundationEssentials
import Glibc

@testable import KubernetesClient
@testable import Runtime
@testable import Startup
@testable import pbs_broker

/// A text as YAML, as a kubeconfig and as our own configuration.
func readConfiguration(_ octets: UnsafeRawBufferPointer) {
  let text = String(decoding: octets, as: UTF8.self)
  guard let value = try? YAMLValue(parsing: text) else { return }
  precondition((try? YAMLValue(parsing: text)) == value, "read twice, it is not the same")
  // What an administrator names is read, be it a disk or a pipe: not here.
  guard !value.namesFiles else { return }

  _ = ftruncate(file, 0)
  precondition(pwrite(file, octets.baseAddress, octets.count, 0) == octets.count)
  do {
    var kubeconfig = try Kubeconfig(path: path)
    _ = try kubeconfig.connection()
  } catch {
    precondition(!"\(error)".isEmpty, "refused without a word")
  }
  for program in ["kube-watcher", "pbs-broker", "binder"] {
    do {
      let settings = try Settings(path: path, program: program)
      if program == "pbs-broker" { _ = try BrokerSettings(settings) }
      try settings.finish()
    } catch {
      precondition(!"\(error)".isEmpty, "refused without a word")
    }
  }
}

/// The input as a file of the current folder, which is the run's own.
private let path = "configuration.yaml"

private let file: Int32 = {
  let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
  guard descriptor >= 0 else { fatalError("\(path): \(errorText(errno))") }
  return descriptor
}()

extension YAMLValue {
  /// Whether a text in it may be the path of something outside the folder of the file.
  fileprivate var namesFiles: Bool {
    switch self {
    case .null: false
    case .scalar(let text, _): text.contains("/") && !text.hasPrefix("http")
    case .sequence(let items): items.contains(where: \.namesFiles)
    case .mapping(let pairs): pairs.contains { $0.value.namesFiles }
    }
  }
}
