import FoundationEssentials

@testable import Kubernetes
@testable import Messages
@testable import pbs_broker

private let context: TranslationContext = {
  var policy = TranslationPolicy()
  policy.base.defaults["cpu"] = try? Quantity("1")
  policy.base.defaults["memory"] = try? Quantity("256Mi")
  policy.resources = [
    "nvidia.com/gpu": .resource("ngpus"), "example.com/fpga": .resource("nfpgas"),
  ]
  policy.base.annotations.value = Dictionary(
    uniqueKeysWithValues: OptionKey.allCases.map { ($0, nil) })
  policy.nodeLabels = ["disk": "disktype"]
  let node = Node(metadata: ObjectMeta(name: "node1"), ready: true)
  return TranslationContext(
    policy: policy, cluster: "c-1",
    hostMap: HostMap(
      nodes: [node], hosts: PBSHosts(vnodes: [PBSVnode(name: "node1", host: "host1")])),
    claims: ["default/c": VolumeClaim(namespace: "default", name: "c", isBound: true)])
}()

/// A pod as the API server tells it: turned into a job, and compared with one.
func translatePod(_ octets: UnsafeRawBufferPointer) {
  guard let pod = try? JSONDecoder().decode(Pod.self, from: Data(octets)) else { return }
  if let message = try? JSONEncoder().encode(pod) {
    precondition(message.count < 256 << 10, "a large message: \(message.count)")
    let again = try? JSONDecoder().decode(Pod.self, from: message)
    precondition(again == pod, "another pod on the other side: \(pod)")
  }
  do throws(Refusal) {
    let job = try PodTranslation.job(for: pod, in: context)
    for chunk in job.chunks {
      precondition(chunk.ncpus >= 1 && chunk.memory ?? 0 >= 1, "too little: \(chunk)")
      precondition(chunk.others.values.allSatisfy { $0 >= 0 }, "less than nothing: \(chunk)")
    }
    precondition(
      job.select.utf8.allSatisfy { isOfSelect($0) }, "more than a select: \(job.select)")
    for (name, value) in job.environment {
      precondition(value.utf8.allSatisfy { isOfName($0) }, "more than a name: \(name)=\(value)")
    }
    checkCommandLine(of: job)
    decide(pod, .success(job))
  } catch {
    precondition(!error.description.isEmpty, "refused without a word")
    decide(pod, .failure(error))
  }
}

/// Whatever a pod says, each word of qsub's command line is one word, and no option of its own.
private func checkCommandLine(of job: JobDescription) {
  guard let words = try? QsubArguments.arguments(for: job, placeholder: ["/bin/true"]) else {
    return
  }
  let options: Set<String> = [
    "-f", "-r", "-N", "-l", "-q", "-P", "-A", "-p", "-h", "-a", "-W", "-v", "-o", "-e", "--",
  ]
  var isValue = false
  for word in words {
    precondition(word.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "not one word: \(word)")
    if isValue {
      isValue = false
    } else if word != "/bin/true" {
      precondition(options.contains(word), "an option of the pod's own: \(word)")
      isValue = !["-f", "-h", "--"].contains(word)
    }
  }
}

/// With its job and after its end: what must hold whatever the pod is.
private func decide(_ pod: Pod, _ translation: Result<JobDescription, Refusal>) {
  let running = Job(
    id: "5.pbsserver", state: .running, substate: 42, execHost: "node1/0", runCount: 1,
    comment: nil, exitStatus: nil, holdTypes: nil, owner: "pbs@pbsserver", pod: PodReference(pod))
  for jobs in [[], [running]] {
    let ended = jobs.isEmpty ? [EndedJob(id: running.id, words: "over")] : []
    let decision = Reconciliation.decide(
      Situation(
        presence: .present(pod), jobs: jobs, ended: ended, translation: translation,
        hostMap: context.hostMap, isHostAway: true,
        now: Date(timeIntervalSince1970: 1_800_000_000)))
    if case .evict = decision.message {
      precondition(pod.nodeName != nil && !pod.isFinished, "deleted, bound or not: \(pod)")
    }
    if case .bind = decision.message {
      precondition(pod.nodeName == nil && !pod.isTerminating, "bound once more: \(pod)")
    }
    precondition(
      decision.submission == nil || (pod.nodeName == nil && jobs.isEmpty), "a second job: \(pod)")
  }
}

private func isOfSelect(_ octet: UInt8) -> Bool {
  isOfName(octet) || ":=@/".utf8.contains(octet)
}

private func isOfName(_ octet: UInt8) -> Bool {
  (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet & 0xDF)
    || "-._".utf8.contains(octet)
}

/// Kubernetes' numbers.
func readQuantity(_ octets: UnsafeRawBufferPointer) {
  guard let quantity = try? Quantity(String(decoding: octets, as: UTF8.self)) else { return }
  let whole = Int128(quantity.roundedUp) * 1_000_000_000
  precondition(whole >= quantity.nano && whole - quantity.nano < 1_000_000_000, "rounded wrongly")
  precondition((quantity + quantity).nano == quantity.nano * 2, "added wrongly")
  _ = JobDescription.Chunk.size(max(quantity.roundedUp, 0))
}
