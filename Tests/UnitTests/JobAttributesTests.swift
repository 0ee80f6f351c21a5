import Testing

@testable import pbs_broker

/// A job as libpbs takes it.
@Suite struct JobAttributesTests {
  private static let origin = JobAttributes.origin(
    environment: ["HOME": "/home/a,b"], folder: "/run")

  private func value(_ name: String, _ resource: String? = nil, of job: JobDescription) throws
    -> String?
  {
    try JobAttributes.attributes(
      for: job, placeholder: ["/bin/sh", "-c", "a<b & \"c\""], origin: Self.origin
    ).first { $0.name == name && $0.resource == resource }?.value
  }

  @Test func isWhatQsubSends() throws {
    var job = ScriptedPBS.job
    job.walltime = 3600
    let attributes = try JobAttributes.attributes(
      for: job, placeholder: ["/bin/sleep", "infinity"], origin: Self.origin)
    let texts = attributes.map {
      "\($0.name)\($0.resource.map { ".\($0)" } ?? "")=\($0.value)"
    }
    #expect(
      texts == [
        "Job_Name=redis", "Rerunable=n", "Output_Path=/dev/null", "Error_Path=/dev/null",
        "Resource_List.select=1:ncpus=1:mem=640mb", "Resource_List.walltime=3600",
        #"Variable_List=PBS_O_HOME=/home/a\,b,PBS_O_WORKDIR=/run,PBS_O_SYSTEM=Linux,"#
          + "KUBERNETES_POD_UID=uid-1,KUBERNETES_POD_NAME=redis",
        "executable=/bin/sleep",
        "argument_list=<jsdl-hpcpa:Argument>infinity</jsdl-hpcpa:Argument>",
        "Checkpoint=u", "Hold_Types=n", "Join_Path=n", "Keep_Files=n", "Mail_Points=a",
        "Priority=0",
      ])
  }

  @Test func argumentsAreWrappedInXML() throws {
    #expect(
      try value("argument_list", of: ScriptedPBS.job)
        == "<jsdl-hpcpa:Argument>-c</jsdl-hpcpa:Argument>"
        + "<jsdl-hpcpa:Argument>a&lt;b &amp; &quot;c&quot;</jsdl-hpcpa:Argument>")
    #expect(try value("Resource_List", "walltime", of: ScriptedPBS.job) == nil)
  }

  /// What qsub is never given, libpbs is not given either.
  @Test func whatIsNoJobIsRefused() {
    var named = ScriptedPBS.job
    named.name = "a b"
    var queued = ScriptedPBS.job
    queued.queue = "workq@elsewhere"
    var forging = ScriptedPBS.job
    forging.environment = [("KUBERNETES_POD_UID", "x\ny")]
    for job in [named, queued, forging] {
      #expect(throws: PBSError.self) { try value("Job_Name", of: job) }
    }
  }

  @Test func aJobKnowsWhereItWasSubmitted() {
    let origin = JobAttributes.origin(
      environment: ["HOME": "/home/pbs-broker", "PATH": "/bin", "SECRET": "x"], folder: "/run")
    #expect(
      origin
        == "PBS_O_HOME=/home/pbs-broker,PBS_O_PATH=/bin,PBS_O_WORKDIR=/run,PBS_O_SYSTEM=Linux")
  }
}
