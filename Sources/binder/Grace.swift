import FoundationEssentials
import Kubernetes

/// How long a pod may take to end: its own grace period, but no longer than the site allows. PBS
/// has given the host to others by then.
enum Grace {
  /// The grace period to delete a pod with, where its own is longer than `longest`; nil where its
  /// own stands. Seconds.
  static func limit(of pod: Pod, longest: Int) -> Int? {
    // API servers default it to 30.
    (pod.spec.terminationGracePeriodSeconds ?? 30) > longest ? longest : nil
  }

  /// Whether a pod that is being deleted has been given longer than `longest` seconds, and is still
  /// within them: then it is to be deleted again, with less.
  static func isExceeded(by pod: Pod, longest: Int, now: Date) -> Bool {
    guard let given = pod.metadata.deletionGracePeriodSeconds, given > longest,
      let text = pod.metadata.deletionTimestamp
    else { return false }
    // The end of the grace period, not its beginning. (apimachinery, ObjectMeta.) One that cannot
    // be read is one that is too far away.
    guard let end = Timestamp.parse(text) else { return true }
    return end > now
  }

  /// In an Event's words.
  static func words(_ pod: Pod, longest: Int) -> String {
    let own = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 0
    return "its grace period of \(own) s is cut to \(longest) s"
  }
}
