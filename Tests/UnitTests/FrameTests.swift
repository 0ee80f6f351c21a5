import FoundationEssentials
import Testing

@testable import Wire

/// The octet counting of RFC 6587, section 3.4.1, with a line feed at the end of each object.
@Suite struct FrameTests {
  @Test(arguments: [
    (#"{"type":"pong"}"#, "16 {\"type\":\"pong\"}\n"), ("{}", "3 {}\n"), ("", "1 \n"),
    (#"{"a":"é"}"#, "11 {\"a\":\"é\"}\n"),
  ])
  func isALengthASpaceAndALine(_ json: String, _ frame: String) {
    #expect(Frame.encode(Data(json.utf8)) == Data(frame.utf8))
  }

  @Test func theLimitHoldsAnyObjectOfTheAPI() {
    // etcd's --max-request-bytes.
    #expect(Frame.limit > 1_572_864)
  }
}
