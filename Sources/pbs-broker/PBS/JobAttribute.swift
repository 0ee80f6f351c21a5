/// An attribute of a job as libpbs takes it: "Resource_List", "walltime", "3600".
struct JobAttribute: Sendable, Equatable {
  var name: String
  /// The resource's name, of Resource_List; else nil.
  var resource: String?
  var value: String

  init(_ name: String, _ value: String, resource: String? = nil) {
    self.name = name
    self.resource = resource
    self.value = value
  }
}
