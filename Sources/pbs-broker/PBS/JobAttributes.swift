/// A job as attributes for pbs_submit: what qsub would send for ``QsubArguments``.
///
/// qsub also sends its own command line (Submit_arguments), and takes a site's
/// default_qsub_arguments; there is no command line here.
enum JobAttributes {
  /// - Parameters:
  ///   - placeholder: the program, with arguments, that the job runs.
  ///   - origin: the variables in which PBS tells a job where it was submitted; see
  ///     ``origin(environment:folder:)``.
  /// - Throws: as ``QsubArguments/arguments(for:placeholder:)``.
  static func attributes(
    for job: JobDescription, placeholder: [String], origin: String
  ) throws(PBSError) -> [JobAttribute] {
    try QsubArguments.check(job)
    var attributes = [
      JobAttribute("Job_Name", job.name),
      JobAttribute("Rerunable", "n"),
      JobAttribute("Output_Path", "/dev/null"),
      JobAttribute("Error_Path", "/dev/null"),
      JobAttribute("Resource_List", job.submittedSelect, resource: "select"),
    ]
    for (name, value) in QsubArguments.resources(of: job) {
      attributes.append(JobAttribute("Resource_List", value, resource: name))
    }
    for (name, value) in [
      ("project", job.project), ("Account_Name", job.account), ("group_list", job.group),
      ("depend", job.depend), ("Execution_Time", job.beginTime.map(String.init)),
      ("Priority", job.priority.map(String.init)), ("Hold_Types", job.isHeld ? "u" : nil),
    ] {
      if let value { attributes.append(JobAttribute(name, value)) }
    }
    let own = try QsubArguments.variables(job.environment)
    let variables = own.isEmpty ? origin : "\(origin),\(own)"
    attributes.append(JobAttribute("Variable_List", variables))
    // The library wraps the program itself in XML, but not its arguments.
    attributes.append(JobAttribute("executable", placeholder.first ?? ""))
    let arguments = placeholder.dropFirst().map {
      "<jsdl-hpcpa:Argument>\(xml($0))</jsdl-hpcpa:Argument>"
    }
    if !arguments.isEmpty { attributes.append(JobAttribute("argument_list", arguments.joined())) }
    let given = Set(attributes.map(\.name))
    return attributes + defaults.filter { !given.contains($0.name) }
  }

  /// What qsub sends where no option says otherwise (qsub.c, set_opt_defaults).
  private static let defaults = [
    JobAttribute("Checkpoint", "u"), JobAttribute("Hold_Types", "n"),
    JobAttribute("Join_Path", "n"), JobAttribute("Keep_Files", "n"),
    JobAttribute("Mail_Points", "a"), JobAttribute("Priority", "0"),
  ]

  /// Variables that qsub adds to a job's (qsub.c, job_env_basic); the server adds PBS_O_HOST and
  /// PBS_O_QUEUE. As Variable_List has them.
  /// - Parameters:
  ///   - environment: the submitter's.
  ///   - folder: where it runs.
  static func origin(environment: [String: String], folder: String) -> String {
    var variables = [("PBS_O_HOME", environment["HOME"] ?? "/")]
    for name in ["LANG", "LOGNAME", "PATH", "MAIL", "SHELL", "TZ"] {
      if let value = environment[name] { variables.append(("PBS_O_\(name)", value)) }
    }
    variables += [("PBS_O_WORKDIR", folder), ("PBS_O_SYSTEM", "Linux")]
    return variables.map { "\($0.0)=\(escaped($0.1))" }.joined(separator: ",")
  }

  private static func escaped(_ value: String) -> String {
    var escaped = String.UnicodeScalarView()
    for scalar in value.unicodeScalars {
      if scalar == "," { escaped.append("\\") }
      escaped.append(scalar)
    }
    return String(escaped)
  }

  private static let escapes: [Unicode.Scalar: String] = [
    "<": "&lt;", ">": "&gt;", "&": "&amp;", "\"": "&quot;", "'": "&apos;",
  ]

  private static func xml(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { escapes[$0] != nil }) else { return text }
    return text.unicodeScalars.map { escapes[$0] ?? String($0) }.joined()
  }
}
