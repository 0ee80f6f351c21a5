import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import KubernetesClient

@Suite struct ServerJSONTests {
  @Test(arguments: [
    (#"{"a":[{"b":1}]}"#, #"{"a":[]}"#), (#"[[[]],[{"a":"]}"}],1]"#, "[[[]],[{}],1]"),
    (#"{"a":{"b":{"c":{"d":[1]}},"e":{}},"f":2}"#, #"{"a":{"b":{},"e":{}},"f":2}"#),
    // Brackets in texts are none, nor are quotes behind backslashes.
    (#"{"[[[[":["\"[[[[\\",{"a":"}}"}]}"#, #"{"[[[[":["\"[[[[\\",{}]}"#),
  ])
  func whatLiesTooDeepIsEmpty(_ text: String, _ shallow: String) {
    let most = text.hasPrefix(#"{"a":[{"b"#) ? 1 : 2
    #expect(
      ServerJSON.cut(Data(text.utf8), depth: most).map { String(decoding: $0, as: UTF8.self) }
        == shallow)
    #expect(ServerJSON.cut(Data(text.utf8)) == nil)
  }

  @Test(arguments: [10, 100, 600, 10_000])
  func anObjectOfAnyDepthHidesNoOther(_ depth: Int) throws {
    let nested =
      String(repeating: #"{"f:a":"#, count: depth) + "{}" + String(repeating: "}", count: depth)
    func item(_ name: String, _ fields: String) -> String {
      """
      {"metadata": {"name": "\(name)", "uid": "\(name)", "managedFields": [{"fieldsV1": \(fields)}]},
       "spec": {"containers": []}}
      """
    }
    let list = """
      {"metadata": {"resourceVersion": "5"},
       "items": [\(item("deep", #"{"f:metadata":\#(nested)}"#)), \(item("other", "{}"))]}
      """
    let page = try ServerJSON.decode(ListPage<Pod>.self, from: Data(list.utf8))
    let names = page.items?.compactMap { item in
      if case .object(let pod) = item { pod.metadata.name } else { nil }
    }
    #expect(names == ["deep", "other"])
    let event = """
      {"type": "ADDED", "object": {"metadata": {"name": "deep", "resourceVersion": "6",
       "managedFields": [{"fieldsV1": {"f:metadata": \(nested)}}]}, "spec": {"containers": []}}}
      """
    guard
      case .present(let pod, let version) = try ServerJSON.decode(
        WatchEvent<Pod>.self, from: Data(event.utf8))
    else {
      Issue.record("no object is told")
      return
    }
    #expect(pod.metadata.name == "deep" && version.description == "6")
  }

  /// As a kube-apiserver 1.20.2 was seen to pass them on.
  @Test(arguments: ["f:metadata", "f:spec", "f:\u{fffd}"])
  func octetsThatAreNoUTF8HideNothing(_ key: String) throws {
    let text = """
      {"metadata": {"resourceVersion": "5"}, "items": [
        {"metadata": {"name": "odd", "managedFields": [
           {"fieldsV1": {"\(key)": {"f:annotations": {"f:@": {}}, "f:@": {}}}}]},
         "spec": {"containers": []}},
        {"metadata": {"name": "other"}, "spec": {"containers": []}}]}
      """
    let list = Data(text.utf8.map { $0 == UInt8(ascii: "@") ? 0xFF : $0 })
    let page = try ServerJSON.decode(ListPage<Pod>.self, from: list)
    let names = page.items?.compactMap { item in
      if case .object(let pod) = item { pod.metadata.name } else { nil }
    }
    #expect(names == ["odd", "other"])
  }

  @Test(arguments: ["", "{", "<html>", #"{"a":"#, String(repeating: "[", count: 1000)])
  func whatIsNoJSONIsNoneHoweverDeep(_ text: String) {
    #expect(throws: DecodingError.self) {
      _ = try ServerJSON.decode(Pod.self, from: Data(text.utf8))
    }
  }
}
