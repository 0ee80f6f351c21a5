import CLibcurl
import FoundationEssentials
import Runtime

/// One request under way: libcurl's easy handle with its options, and who waits for the end.
@EventLoop
final class Transfer {
  /// The status line and headers of an answer that has ended.
  struct Head: Sendable {
    var status: Int
    var retryAfter: Double?
  }

  /// Octets of the body of an answer that is not a success.
  static let errorLimit = 1 << 20
  /// Octets of an answer's status lines and headers.
  static let headLimit = 256 << 10
  private static let mostRepetitions = 3
  /// Seconds for TCP and TLS to be set up.
  private static let connectTimeout = 5
  /// Milliseconds for TCP's acknowledgement, of data as of keepalive probes.
  private static let userTimeout: UInt32 = 15_000

  let handle: UnsafeMutableRawPointer
  let request: HTTPRequest
  /// The local port of the connection that it was sent on; nil while it waits for one.
  private(set) var port: Int?
  /// Ends the transfer when its time is over.
  var deadline: (any Timer)?

  private let onData: @EventLoop (Int, UnsafeRawBufferPointer) -> Void
  private var onHead: (@EventLoop () -> Void)?
  private var continuation: CheckedContinuation<Head, any Error>?
  private var lists: [UnsafeMutablePointer<curl_slist>] = []
  /// Where libcurl writes what went wrong; nil after the end.
  private var errorText: UnsafeMutablePointer<CChar>?
  private var status = 0
  private var repetitions = 0
  private var headSize = 0
  private var bodySize = 0
  /// Why the answer was broken off from our side.
  private var failure: HTTPError?

  init(
    handle: UnsafeMutableRawPointer, request: HTTPRequest, onHead: (@EventLoop () -> Void)?,
    onData: @escaping @EventLoop (Int, UnsafeRawBufferPointer) -> Void,
    continuation: CheckedContinuation<Head, any Error>
  ) {
    self.handle = handle
    self.request = request
    self.onHead = onHead
    self.onData = onData
    self.continuation = continuation
    let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.pointee = 0
    self.errorText = errorText
    setUp()
  }

  /// Tells who waits, once.
  func finish(_ result: Result<Head, any Error>) {
    deadline?.suspend()
    deadline = nil
    curl_easy_reset(handle)
    for list in lists { curl_slist_free_all(list) }
    lists = []
    errorText?.deallocate()
    errorText = nil
    let waiting = continuation
    continuation = nil
    waiting?.resume(with: result)
  }

  /// The transfer's end in libcurl's words, or ours.
  func result(_ code: CURLcode) -> Result<Head, any Error> {
    if let failure { return .failure(failure) }
    guard code == CURLE_OK else { return .failure(error(code)) }
    var status = 0
    var seconds = 0
    _ = connector_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
    _ = connector_curl_get_long(handle, CURLINFO_RETRY_AFTER, &seconds)
    return .success(Head(status: status, retryAfter: seconds > 0 ? Double(seconds) : nil))
  }

  /// Whether to send it once more. CURLE_HTTP2 before any answer means that the server has said
  /// GOAWAY and is not at work on this request: libcurl 7.88 sends a request again by itself when
  /// such a server refuses it, but not when it had not been written yet.
  func isToBeRepeated(_ code: CURLcode) -> Bool {
    guard code == CURLE_HTTP2, headSize == 0, repetitions < Self.mostRepetitions else {
      return false
    }
    repetitions += 1
    port = nil
    return true
  }

  private func error(_ code: CURLcode) -> HTTPError {
    let details = errorText.map { String(cString: $0) } ?? ""
    // A server that refuses our certificate says so after the handshake, by a TLS alert.
    let isAlert = code == CURLE_RECV_ERROR && details.contains(" alert ")
    guard Self.securityCodes.contains(code.rawValue) || isAlert else {
      // Without the details: they have times in them, so that no two are equal.
      return HTTPError(reason: String(cString: curl_easy_strerror(code)))
    }
    let words = details.isEmpty ? String(cString: curl_easy_strerror(code)) : details
    return HTTPError(.security, reason: "TLS: \(words)")
  }

  private static let securityCodes: Set<UInt32> = [
    CURLE_SSL_CONNECT_ERROR.rawValue, CURLE_SSL_CERTPROBLEM.rawValue, CURLE_SSL_CIPHER.rawValue,
    CURLE_PEER_FAILED_VERIFICATION.rawValue, CURLE_SSL_CACERT_BADFILE.rawValue,
    CURLE_SSL_ISSUER_ERROR.rawValue, CURLE_SSL_INVALIDCERTSTATUS.rawValue,
    CURLE_SSL_CLIENTCERT.rawValue,
  ]

  // MARK: What libcurl tells

  /// - Returns: whether to go on.
  private func receiveHead(_ count: Int) -> Bool {
    headSize += count
    guard headSize <= Self.headLimit else {
      failure = HTTPError(
        .tooLarge, reason: "an answer's headers are larger than \(Self.headLimit) octets")
      return false
    }
    onHead?()
    onHead = nil
    return true
  }

  /// - Returns: whether to go on.
  private func receive(_ chunk: UnsafeRawBufferPointer) -> Bool {
    if status == 0 { _ = connector_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status) }
    bodySize += chunk.count
    let isSuccess = (200..<300).contains(status)
    if let limit = isSuccess ? request.answerLimit : Self.errorLimit, bodySize > limit {
      failure = HTTPError(
        .tooLarge, reason: "\(status), with a body larger than \(limit) octets: broken off")
      return false
    }
    onData(status, chunk)
    return true
  }

  // MARK: Options

  private func setUp() {
    set(CURLOPT_URL, request.url)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
    // Requests wait for a connection that may take several at once. A stream must not: libcurl
    // looks at those that wait only when another one ends, which a stream does after minutes.
    set(CURLOPT_PIPEWAIT, request.timeout == nil ? 0 : 1)
    set(CURLOPT_TCP_KEEPALIVE, 1)
    set(CURLOPT_TCP_KEEPIDLE, 15)
    set(CURLOPT_TCP_KEEPINTVL, 5)
    _ = connector_curl_set_user_timeout(handle, Self.userTimeout)
    set(CURLOPT_CONNECTTIMEOUT, Self.connectTimeout)
    _ = connector_curl_leave_resolvers(handle)
    // What a limit counts is what the server sends, so nothing is unpacked.
    set(CURLOPT_HTTP_CONTENT_DECODING, 0)
    set(CURLOPT_CUSTOMREQUEST, request.method)
    _ = connector_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
    // Without "Expect:" a body over 1 KiB costs a round trip for "100 Continue".
    setList(CURLOPT_HTTPHEADER, request.headers + ["Expect:"])
    if let body = request.body {
      // The least. By default it is 64 KiB, allocated for each request, and to free so much has malloc
      // look through all that is free.
      set(CURLOPT_UPLOAD_BUFFERSIZE, 16 << 10)
      set(CURLOPT_POSTFIELDSIZE, body.count)
      body.withUnsafeBytes { bytes in
        _ = connector_curl_set_pointer(
          handle, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
      }
    }
    setUpSecurity()
    setUpCallbacks()
  }

  private func setUpSecurity() {
    let security = request.security
    set(CURLOPT_CAINFO_BLOB, security.certificateAuthority)
    set(CURLOPT_SSLCERT_BLOB, security.clientCertificate)
    set(CURLOPT_SSLKEY_BLOB, security.clientKey)
    if security.skipVerification {
      set(CURLOPT_SSL_VERIFYPEER, 0)
      set(CURLOPT_SSL_VERIFYHOST, 0)
    }
    if let proxy = security.proxy { set(CURLOPT_PROXY, proxy) }
    // Host and port left out on the left: all of them.
    if let connectTo = security.connectTo { setList(CURLOPT_CONNECT_TO, ["::\(connectTo)"]) }
  }

  private func setUpCallbacks() {
    let context = Unmanaged.passUnretained(self).toOpaque()
    _ = connector_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
    _ = connector_curl_set_data_callback(handle, CURLOPT_WRITEFUNCTION) {
      data, size, count, context in
      guard let data, let context else { return 0 }
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      nonisolated(unsafe) let chunk = UnsafeRawBufferPointer(start: data, count: size * count)
      return EventLoop.assumeIsolated { transfer.receive(chunk) } ? size * count : 0
    }
    _ = connector_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
    _ = connector_curl_set_data_callback(handle, CURLOPT_HEADERFUNCTION) {
      _, size, count, context in
      guard let context else { return 0 }
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      return EventLoop.assumeIsolated { transfer.receiveHead(size * count) } ? size * count : 0
    }
    _ = connector_curl_set_sent_callback(
      handle,
      { context, _, _, _, port in
        guard let context else { return CURL_PREREQFUNC_ABORT }
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        EventLoop.assumeIsolated { transfer.port = Int(port) }
        return CURL_PREREQFUNC_OK
      }, context)
  }

  private func set(_ option: CURLoption, _ value: Int) {
    _ = connector_curl_set_long(handle, option, value)
  }

  private func set(_ option: CURLoption, _ value: String) {
    _ = connector_curl_set_string(handle, option, value)
  }

  private func set(_ option: CURLoption, _ data: Data?) {
    data?.withUnsafeBytes { bytes in
      _ = connector_curl_set_blob(handle, option, bytes.baseAddress, bytes.count)
    }
  }

  private func setList(_ option: CURLoption, _ lines: [String]) {
    var list: UnsafeMutablePointer<curl_slist>?
    for line in lines { list = curl_slist_append(list, line) }
    guard let list else { return }
    lists.append(list)
    _ = connector_curl_set_pointer(handle, option, list)
  }
}
