import FoundationEssentials

@testable import Shared
@testable import pbs_broker

private let policy: TranslationPolicy = {
  var policy = TranslationPolicy()
  policy.defaults["cpu"] = try? Quantity("1")
  policy.defaults["memory"] = try? Quantity("256Mi")
  policy.resources = ["nvidia.com/gpu": "ngpus", "example.com/fpga": "nfpgas"]
  return policy
}()

/// A pod as the API server tells it: turned into a job, and compared with one.
func translatePod(_ octets: UnsafeRawBufferPointer) {
  guard let pod = try? JSONDecoder().decode(Pod.self, from: Data(octets)) else { return }
  do throws(Refusal) {
    let job = try PodTranslation.job(
      for: pod, policy: policy, hostOf: { $0 == "node1" ? "host1" : nil })
    for chunk in job.chunks {
      precondition(chunk.ncpus >= 0 && chunk.memory ?? 0 >= 0, "less than nothing: \(chunk)")
      precondition(chunk.others.values.allSatisfy { $0 >= 0 }, "less than nothing: \(chunk)")
    }
    precondition(
      job.select.utf8.allSatisfy { isOfSelect($0) }, "more than a select: \(job.select)")
  } catch {
    precondition(!error.description.isEmpty, "refused without a word")
  }
  decide(pod)
}

/// With its job and after its end: what must hold whatever the pod is.
private func decide(_ pod: Pod) {
  let running = Job(
    id: "5.pbsserver", state: .running, substate: 42, execHost: "node1/0", runCount: 1,
    comment: nil, exitStatus: nil, holdTypes: nil, owner: "pbs@pbsserver", pod: PodReference(pod))
  for jobs in [[], [running]] {
    let ended = jobs.isEmpty ? [EndedJob(id: running.id, words: "over")] : []
    let decision = Reconciliation.decide(
      Situation(presence: .present(pod), jobs: jobs, ended: ended, isHostAway: true))
    if case .evict = decision.message {
      precondition(pod.nodeName != nil && !pod.isFinished, "deleted, bound or not: \(pod)")
    }
    if case .bind = decision.message {
      precondition(pod.nodeName == nil && !pod.isTerminating, "bound once more: \(pod)")
    }
    precondition(!decision.submits || (pod.nodeName == nil && jobs.isEmpty), "a second job: \(pod)")
  }
}

private func isOfSelect(_ octet: UInt8) -> Bool {
  (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet) || octet == UInt8(ascii: ":")
    || octet == UInt8(ascii: "=")
}

/// Kubernetes' numbers.
func readQuantity(_ octets: UnsafeRawBufferPointer) {
  guard let quantity = try? Quantity(String(decoding: octets, as: UTF8.self)) else { return }
  let whole = Int128(quantity.roundedUp) * 1_000_000_000
  precondition(whole >= quantity.nano && whole - quantity.nano < 1_000_000_000, "rounded wrongly")
  precondition((quantity + quantity).nano == quantity.nano * 2, "added wrongly")
  _ = JobDescription.Chunk.size(max(quantity.roundedUp, 0))
}
