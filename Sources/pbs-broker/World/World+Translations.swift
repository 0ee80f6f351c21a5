/// What translations depend on, besides the pods and their claims: as long as ``translationEpoch`` is
/// the same, what a pod needs as a job is, too.
extension World {
  var translationEpoch: Int { changesOfSite + nodeFacts.changes }

  /// The site's settings have changed.
  func forgetTranslations() { changesOfSite += 1 }
}
