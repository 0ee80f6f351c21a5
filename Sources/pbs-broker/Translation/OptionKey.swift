import Kubernetes

/// What a pod may ask of PBS by annotation: "pbs-connector/" and one of these. What each does is
/// the sentence before it, which docs/annotations.md repeats word by word.
///
/// The rules of the values are those of qsub(1B) and of OpenPBS's parsers; ``OptionValue`` has them.
enum OptionKey: String, CaseIterable, Sendable {
  /// The queue that the job goes to.
  case queue
  /// How long the job may run: `HH:MM:SS`, seconds, or a duration such as `1h30m`.
  case walltime
  /// The project that the job counts for.
  case project
  /// The account in PBS's accounting log.
  case account
  /// The group that the job runs under.
  case group
  /// The job's priority, a whole number from -1024 to 1023.
  case priority
  /// How the job is placed: `free`, `pack`, `scatter` or `vscatter`; `excl`, `exclhost` or
  /// `shared`; `group=RESOURCE`; parts are joined by colons.
  case place
  /// More resources of the chunk, `NAME=VALUE` joined by colons.
  case select
  /// Resources of the job as a whole, `NAME=VALUE` joined by commas: licences, for example.
  case resources
  /// The reservation that the job runs in, by its id: the job goes to the reservation's queue.
  case reservation
  /// `true` submits the job with a user hold: it waits until somebody releases it with qrls.
  case hold
  /// What has to happen first: `TYPE:WHAT` joined by commas, where WHAT is one job id or
  /// `pod/NAME`, or more joined by colons.
  case depend
  /// The job waits until then: a time such as `2027-01-31T08:00:00Z`, or `CCYYMMDDhhmm` in the time
  /// of pbs-broker's host.
  case beginTime = "begin-time"
  /// The job's name in place of the pod's.
  case jobName = "job-name"
  /// A bundle of options that the site has given a name.
  case siteFlavour = "site-flavour"

  /// How all annotations of the connector begin.
  static let prefix = "pbs-connector/"

  var annotation: String { Self.prefix + rawValue }

  /// Those that a pod may have where the configuration says nothing: they take nothing from others.
  static let allowedByDefault: Set<OptionKey> = [.walltime, .jobName, .depend, .hold]

  /// Those that a flavour may consist of: what is about one pod alone is not.
  static let ofFlavours = Set(allCases).subtracting([.siteFlavour, .depend, .jobName, .beginTime])

  /// Our annotations of a pod that mean nothing: misspelt ones. Sorted.
  static func unknownAnnotations(of pod: Pod) -> [String] {
    (pod.metadata.annotations ?? [:]).keys.filter {
      $0.hasPrefix(prefix) && OptionKey(rawValue: String($0.dropFirst(prefix.count))) == nil
        && !written.contains($0)
    }.sorted()
  }

  /// Those that the connector writes itself.
  private static let written: Set<String> = [
    WellKnown.jobID, WellKnown.runCount, WellKnown.execVnode, WellKnown.estimatedStart,
    WellKnown.nativeJob, WellKnown.nativeJobID, WellKnown.nativeJobHolds, WellKnown.devices,
  ]
}
