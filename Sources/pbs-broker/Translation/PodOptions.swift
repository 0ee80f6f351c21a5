import Kubernetes
import Text

/// The options of a pod's job. Of two that say something about the same, the latter counts: the
/// namespace's, those of the pod's priority class, those of its flavour, its own.
struct PodOptions {
  private(set) var options: JobOptions
  private(set) var causes: [String] = []

  init(_ pod: Pod, _ namespace: NamespacePolicy, _ policy: TranslationPolicy) {
    options = namespace.options
    if let name = pod.spec.priorityClassName, let meaning = policy.priorityClasses[name] {
      options.take(meaning)
    }
    let own = readAnnotations(pod, namespace)
    options.take(own)
    if own.queue != nil, let reservation = own.reservation {
      causes.append(
        "annotation \(OptionKey.queue.annotation) and \(reservation.source) both say where the job"
          + " goes")
    }
    let counterparts = policy.resources.values.compactMap { counterpart in
      if case .resource(let name, _) = counterpart { name.lowercased() } else { nil }
    }
    for name in Set(counterparts) {
      guard let asked = options.select[name] ?? options.resources[name] else { continue }
      causes.append("\(asked.source) names \(name), which follows from the pod's requests")
    }
    for (name, asked) in options.select.merging(options.resources, uniquingKeysWith: { a, _ in a })
    {
      guard let limit = namespace.limits.first(where: { $0.key.lowercased() == name })?.value
      else { continue }
      if let amount = try? Quantity(asked.value), amount <= limit.quantity { continue }
      causes.append("\(asked.source) asks for \(name)=\(asked.value): \(limit.words)")
    }
    chooseWalltime(pod, namespace, margin: policy.deadlineMargin)
  }

  /// What the pod's annotations say, its flavour included.
  private mutating func readAnnotations(_ pod: Pod, _ namespace: NamespacePolicy) -> JobOptions {
    var flavour = JobOptions()
    var own = JobOptions()
    for key in OptionKey.allCases {
      guard let text = pod.metadata.annotations?[key.annotation] else { continue }
      let source = "annotation \(key.annotation)"
      if let refusal = namespace.refusal(of: key, text) {
        causes.append(refusal)
        continue
      }
      if key == .siteFlavour {
        if let known = namespace.flavours[text] {
          flavour = known
        } else {
          let names = namespace.flavours.keys.sorted().joined(separator: ", ")
          causes.append(
            "\(source): \(PlainText.quoted(text)) is none of the flavours (\(names))")
        }
        continue
      }
      do throws(OptionError) {
        try own.set(key, text, source: source)
      } catch {
        causes.append("\(source): \(error.words)")
      }
    }
    flavour.take(own)
    return flavour
  }

  /// A walltime of the user's own is PBS's business; without one, kubelet ends a pod that has a
  /// deadline, and counts from a later moment than PBS.
  private mutating func chooseWalltime(_ pod: Pod, _ namespace: NamespacePolicy, margin: Int) {
    let longest = namespace.longestWalltime
    if let own = options.walltime {
      if let longest, own.value > longest.value {
        causes.append(
          "\(own.source): \(own.value) s is longer than \(longest.source), \(longest.value) s")
      }
    } else if let deadline = pod.spec.activeDeadlineSeconds.map({ max($0, 0) }) {
      if let longest, deadline > longest.value {
        causes.append(
          "activeDeadlineSeconds \(deadline) is longer than \(longest.source), \(longest.value) s")
      }
      let (sum, overflow) = deadline.addingReportingOverflow(max(margin, 0))
      let limit = min(longest?.value ?? .max, PodTranslation.walltimeLimit)
      options.walltime = Sourced(
        value: overflow ? limit : min(sum, limit), source: "activeDeadlineSeconds")
    } else {
      options.walltime = namespace.defaultWalltime ?? longest
    }
  }
}
