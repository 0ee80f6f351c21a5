/// Jobs that are not ours to follow.
extension World {
  /// A job that is not ours to follow.
  func addForeign(_ id: String) {
    foreignJobs.insert(id)
  }

  func keepForeign(among listed: Set<String>) {
    if !foreignJobs.isEmpty { foreignJobs.formIntersection(listed) }
  }

  func forgetForeign() { foreignJobs.removeAll() }
}
