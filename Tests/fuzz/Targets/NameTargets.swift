import Crypto
import FoundationEssentials

@testable import Kubernetes
@testable import KubernetesClient
@testable import Messages
@testable import Text
@testable import pbs_broker

/// Names that somebody else has chosen, one a line, on their way into URLs, command lines, jobs and
/// logs.
func readNames(_ octets: UnsafeRawBufferPointer) {
  let names = String(decoding: octets, as: UTF8.self).split(
    separator: "\n", omittingEmptySubsequences: false
  ).map(String.init)
  for name in names {
    let isName =
      KubernetesName.isLabel(name) || KubernetesName.isSubdomain(name) || KubernetesName.isUID(name)
    precondition(!isName || name.utf8.allSatisfy(isPlain), "a name that is none: \(name)")
    // One segment of a path, whatever it is: neither a step up nor a query.
    let path = KubernetesPath.of("pods", name)
    precondition(path.utf8.count { $0 == UInt8(ascii: "/") } == 2, "another path: \(path)")
    precondition(
      path.utf8.allSatisfy { isPlain($0) || "/%~".utf8.contains($0) }, "more than a path: \(path)")
    precondition(!path.hasSuffix("/.") && !path.hasSuffix("/.."), "a step: \(path)")
    precondition(
      PlainText.escaped(name).unicodeScalars.allSatisfy {
        $0.properties.generalCategory != .control
      },
      "a control character for a terminal")
  }
  readToken(names)
}

/// The first lines as the parts of a token and of what PBS's server makes of it.
private func readToken(_ names: [String]) {
  guard names.count >= 6 else { return }
  let token = ProofToken(
    cluster: names[0], uid: names[1], namespace: names[2], name: names[3], user: names[4],
    expiry: 1_795_490_192, nonce: names[5])
  let pod = PodReference(uid: token.uid, namespace: token.namespace, name: token.name)
  let told = ProvenPod(cluster: token.cluster, pod: pod).text
  guard token.problem == nil else { return }
  precondition(ProvenPod(told)?.text == told, "signed, and not believed: \(told)")
  let text = token.text(select: "1:ncpus=1", key: SymmetricKey(data: Data(repeating: 7, count: 32)))
  precondition(text.utf8.count <= 2048 && text.utf8.allSatisfy(isPlain), "no token: \(text)")
}

/// `Resource_List.k8s_pod` as a job may have it.
func readProof(_ octets: UnsafeRawBufferPointer) {
  let text = String(decoding: octets, as: UTF8.self)
  guard let proven = ProvenPod(text) else { return }
  precondition(proven.text == text, "\(text) is read as \(proven.text)")
  precondition(text.utf8.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "/") }, "no names: \(text)")
}

/// Letters, digits, ".", "_" and "-".
private func isPlain(_ octet: UInt8) -> Bool {
  (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet & 0xDF)
    || "-._".utf8.contains(octet)
}
