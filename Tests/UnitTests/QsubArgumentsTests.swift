import Testing

@testable import pbs_broker

/// What a pod can write becomes a value of qsub's, or nothing.
@Suite struct QsubArgumentsTests {
  /// A value and what stands for it in -v; nil when qsub has no way to carry it.
  @Test(arguments: [
    ("", ""), ("redis", "redis"), ("a b", "a b"), (" a", " a"), ("a=b", "a=b"), ("é漢", "é漢"),
    ("$HOME", "$HOME"), ("a;b", "a;b"), ("() { x", "() { x"),
    // A comma would begin another variable.
    ("d,LD_PRELOAD=/home/user/evil.so", #"d\,LD_PRELOAD=/home/user/evil.so"#),
    (",", #"\,"#), ("a,", #"a\,"#), (",,", #"\,\,"#),
    (#"a\"#, nil), (#"a\,b"#, nil), (#"\"#, nil), (#"a"b"#, nil), ("a'b", nil), ("'a,b'", nil),
    ("a\nb", nil), ("a\rb", nil), ("a\tb", nil), ("a\u{1B}[2J", nil), ("a\u{0}b", nil),
    ("a\u{7F}", nil), ("a\u{85}b", nil), ("a ", nil),
    ("x\n\nJob Id: 1.pbsserver\n    job_state = F", nil),
  ])
  func escapesValues(_ value: String, _ escaped: String?) {
    #expect(QsubArguments.escaped(value) == escaped)
  }

  @Test func aVariableIsNameAndValue() throws {
    let list = try QsubArguments.variables([("A", "x,y"), ("B_2", ""), ("_C", "a=b")])
    #expect(list == #"A=x\,y,B_2=,_C=a=b"#)
  }

  @Test(arguments: ["", "2A", "A-B", "A B", "A=B", "A,B", "É", "A\n"])
  func anythingElseIsNoVariablesName(_ name: String) {
    #expect(throws: PBSError.self) { try QsubArguments.variables([(name, "x")]) }
  }

  @Test func saysWhichVariableCannotBeGiven() {
    #expect(
      throws: PBSError.refused(#"the value of A cannot be given to qsub: "x\n\u{1B}""#)
    ) { try QsubArguments.variables([("A", "x\n\u{1B}")]) }
  }

  @Test(arguments: [
    "", "a b", "a/b", "a,b", "é", "a\n", String(repeating: "a", count: 231), "a:b", "a;b",
  ])
  func anythingElseIsNoJobsName(_ name: String) {
    var job = ScriptedPBS.job
    job.name = name
    #expect(throws: PBSError.self) { try QsubArguments.arguments(for: job, placeholder: []) }
  }

  @Test(arguments: ["redis", "my.pod-name_1", "1pod", "-Q", String(repeating: "a", count: 230)])
  func takesAJobsName(_ name: String) throws {
    var job = ScriptedPBS.job
    job.name = name
    let arguments = try QsubArguments.arguments(for: job, placeholder: ["/bin/true"])
    // Behind -N it is a value, whatever it begins with.
    #expect(arguments[3...4] == ["-N", name])
    #expect(arguments.suffix(2) == ["--", "/bin/true"])
  }

  /// A colon would begin another resource of the chunk, a plus sign another chunk, a comma another
  /// resource of the job.
  @Test(arguments: [
    "", "node1,walltime=1", "node1:ncpus=9", "node1+1:ncpus=9", "node1 x", "node1'", "node1\n",
  ])
  func aHostAndAResourceAreOneWord(_ word: String) {
    var job = ScriptedPBS.job
    job.chunks[0].host = word
    #expect(throws: PBSError.self) { try QsubArguments.arguments(for: job, placeholder: []) }
    job.chunks[0].host = "node1"
    job.chunks[0].others = [word: 1]
    #expect(throws: PBSError.self) { try QsubArguments.arguments(for: job, placeholder: []) }
    job.chunks[0].others = ["ngpus": 1]
    #expect(throws: Never.self) { try QsubArguments.arguments(for: job, placeholder: []) }
  }

  @Test(arguments: ["", "workq@elsewhere", "a b", "a,b"])
  func aQueueThatIsNoneIsTheSitesSetting(_ queue: String) {
    var job = ScriptedPBS.job
    job.queue = queue
    #expect {
      try QsubArguments.arguments(for: job, placeholder: [])
    } throws: { error in
      if case .limit = error as? PBSError { true } else { false }
    }
  }
}
