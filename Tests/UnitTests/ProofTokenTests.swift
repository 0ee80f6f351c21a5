import Crypto
import FoundationEssentials
import Testing

@testable import pbs_broker

/// Tokens as docs/hooks.md defines them, by the same examples as the hook's tests
/// (Tests/hooks/test_proof_tokens.py).
@Suite struct ProofTokenTests {
  struct Example: Decodable, Sendable {
    var what: String
    var key: String
    var select: String
    var cluster: String
    var uid: String
    var namespace: String
    var name: String
    var user: String
    var expiry: Int
    var nonce: String
    var token: String

    var fields: ProofToken {
      ProofToken(
        cluster: cluster, uid: uid, namespace: namespace, name: name, user: user, expiry: expiry,
        nonce: nonce)
    }

    var keyOctets: [UInt8] {
      stride(from: 0, to: key.utf8.count, by: 2).compactMap {
        UInt8(key.dropFirst($0).prefix(2), radix: 16)
      }
    }
  }

  struct Part: Decodable, Sendable {
    var good: [String]
    var bad: [String]
  }

  private struct File: Decodable {
    var tokens: [Example]
    var parts: [String: Part]
  }

  private static func file() throws -> File {
    try JSONDecoder().decode(File.self, from: Data(TestFiles.text("proof-tokens.json").utf8))
  }

  @Test func makesTheTokensOfTheExamples() throws {
    let examples = try Self.file().tokens
    #expect(examples.count == 7)
    for example in examples {
      let key = SymmetricKey(data: example.keyOctets)
      let text = example.fields.text(select: example.select, key: key)
      #expect(text == example.token, "\(example.what)")
      #expect(example.fields.problem == nil && text.utf8.count <= 2048, "\(example.what)")
    }
  }

  @Test(arguments: ["cluster", "uid", "namespace", "name", "user", "nonce"])
  func eachPartHasTheFormThatTheHookTakes(_ name: String) throws {
    let parts = try Self.file().parts
    let part = try #require(parts[name])
    let example = try #require(try Self.file().tokens.first).fields
    func problem(_ value: String) -> String? {
      var fields = example
      switch name {
      case "cluster": fields.cluster = value
      case "uid": fields.uid = value
      case "namespace": fields.namespace = value
      case "name": fields.name = value
      case "user": fields.user = value
      default: fields.nonce = value
      }
      return fields.problem
    }
    for value in part.good { #expect(problem(value) == nil, "\(value)") }
    for value in part.bad { #expect(problem(value) == name, "\(value)") }
  }

  @Test(arguments: [-1, 1_000_000_000_000])
  func anExpiryBeyondItsDigitsIsNone(_ expiry: Int) throws {
    var fields = try #require(try Self.file().tokens.first).fields
    fields.expiry = expiry
    #expect(fields.problem == "expiry")
  }
}
