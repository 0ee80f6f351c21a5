extension Publisher {
  /// Whether connections are taken and read: not while a simulated process is stopped.
  package func setReading(_ reads: Bool) { listener.setReading(reads) }

  /// Ends as with this process: no connection is left, and nobody is told.
  package func abandon() {
    pingTimer = nil
    listener.abandon()
    subscribers.removeAll()
  }
}
