import FoundationEssentials

@testable import pbs_broker

/// A helper's answer. The first octet says what was asked.
func readHelperAnswer(_ octets: UnsafeRawBufferPointer) {
  guard let first = octets.first else { return }
  let contents: [HelperAnswer.Content] = [.nothing, .job, .jobs, .objects]
  let content = contents[Int(first) % contents.count]
  let frame = UnsafeRawBufferPointer(rebasing: octets[1...])
  var answer = HelperAnswer()
  guard (try? answer.read(frame, of: content)) != nil else { return }
  precondition(answer.isLast || content == .jobs || content == .objects, "it goes on for ever")
  precondition(content == .jobs || answer.jobs.isEmpty && answer.gone.isEmpty, "jobs")
  precondition(content == .objects || answer.objects.isEmpty, "objects")
  precondition(content == .job || answer.job == nil, "an id")
  // Each part has its octets: nothing was read twice, or from elsewhere. Repairing makes one three.
  let texts = answer.gone + answer.unreadable + answer.jobs.map(\.id) + answer.objects.map(\.name)
  precondition(texts.reduce(0) { $0 + $1.utf8.count } <= 3 * frame.count, "more than there is")
  precondition(texts.count <= frame.count / 5, "more parts than there are")
  for job in answer.jobs { _ = (job.terms, job.recorded, job.host, job.sequence, job.estimate) }
  // What was cut off is never taken for all.
  var cut = HelperAnswer()
  let part = UnsafeRawBufferPointer(rebasing: frame.dropLast())
  if (try? cut.read(part, of: content)) != nil { precondition(!cut.isLast, "a part is all") }
}

/// A request, which is read as it was written.
func readHelperRequest(_ octets: UnsafeRawBufferPointer) {
  guard let request = try? HelperRequest(octets) else { return }
  let written = request.octets
  let again = try? written.withUnsafeBytes { try HelperRequest($0) }
  precondition(again == request, "a request became another")
}
