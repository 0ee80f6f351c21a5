import Messages

/// Pods that the API server does not let us bind: they are told so, and their jobs give their places
/// back in time.
extension Broker {
  func noteRefusal(of bind: BrokerMessage.Bind, _ words: String?, _ record: PodRecord) {
    let words = words ?? "binder gives no reason"
    if record.refusedBinding?.job == bind.job {
      record.refusedBinding?.again(words, now: clock.now)
    } else {
      record.refusedBinding = RefusedBinding(job: bind.job, words: words, now: clock.now)
    }
    let timer = clock.timer { [weak self, weak record] in
      guard let self, let record else { return }
      world.markChanged(record.uid)
      compareChanged()
    }
    // A little later, so that it is time by any clock.
    timer.schedule(after: (record.refusedBinding?.wait ?? 0) + 0.1)
    record.bindingTimer = timer
    world.markChanged(record.uid)
    compareChanged()
  }

  func refusedBinding(of record: PodRecord, _ jobs: [JobRecord]) -> Situation.Shortage? {
    guard let refused = record.refusedBinding, record.pod?.nodeName == nil,
      jobs.contains(where: { $0.job.id == refused.job && $0.job.isRunning })
    else {
      record.refusedBinding = nil
      record.bindingTimer = nil
      return nil
    }
    return refused.shortage(
      patience: max(settings.roomPatience, World.roomSettling), now: clock.now)
  }
}
