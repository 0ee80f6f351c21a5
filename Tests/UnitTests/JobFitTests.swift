import Testing

@testable import pbs_broker

/// Whether a job is what its pod needs: PBS's select and exec_vnode against a description.
@Suite struct JobFitTests {
  typealias Fit = JobDescription.Fit

  private static func description(host: String? = nil, others: [String: Int] = [:])
    -> JobDescription
  {
    JobDescription(
      name: "redis",
      chunks: [.init(ncpus: 2, memory: 671_088_640, host: host, others: others)],
      walltime: nil, queue: nil, environment: [])
  }

  @Test(arguments: [
    ("1:ncpus=2:mem=640mb", Fit.exactly), ("ncpus=2:mem=640mb", .exactly),
    ("1:mem=655360kb:ncpus=2", .exactly), ("1:ncpus=2:mem=671088640", .exactly),
    ("1:ncpus=2:mem=671088640B", .exactly),
    ("1:ncpus=2:mem=640MB:host=node1:site=x", .exactly), ("1:ncpus=4:mem=640mb", .more),
    ("1:ncpus=2:mem=1gb", .more), ("1:ncpus=1:mem=640mb", .less("ncpus=1 instead of 2")),
    ("1:ncpus=2", .less("mem=0mb instead of 640mb")),
    ("1:ncpus=1:mem=1kb", .less("mem=1kb instead of 640mb, ncpus=1 instead of 2")),
    ("1:ncpus=many:mem=640mb", .less("ncpus=0 instead of 2")),
    ("2:ncpus=2:mem=640mb", .less("2 chunks instead of 1")),
    ("1:ncpus=2:mem=640mb+1:ncpus=1", .less("2 chunks instead of 1")), ("", .less("select=")),
    ("1:ncpus", .less("select=1:ncpus")), ("99999999:ncpus=1", .less("select=99999999:ncpus=1")),
    ("-1:ncpus=1", .less("select=-1:ncpus=1")),
  ])
  func ofASelect(_ select: String, _ fit: Fit) {
    #expect(Self.description().fit(select: select) == fit)
  }

  @Test(arguments: [
    ("1:ncpus=2:mem=640mb:host=node1", Fit.exactly), ("1:ncpus=2:mem=640mb:host=NODE1", .exactly),
    ("1:ncpus=2:mem=640mb", .less("host= instead of node1")),
    ("1:ncpus=2:mem=640mb:host=node2", .less("host=node2 instead of node1")),
  ])
  func ofASelectOnAHost(_ select: String, _ fit: Fit) {
    #expect(Self.description(host: "node1").fit(select: select) == fit)
  }

  @Test func ofASelectWithOtherResources() {
    let description = Self.description(others: ["ngpus": 2])
    #expect(description.fit(select: "1:ncpus=2:mem=640mb:ngpus=2") == .exactly)
    #expect(
      description.fit(select: "1:ncpus=2:mem=640mb:ngpus=1") == .less("ngpus=1 instead of 2"))
  }

  /// What a site's hooks make of words, and what PBS adds, is no reason to submit anew.
  @Test(arguments: [
    "1:ncpus=2:mem=640mb:model=a100:mpiprocs=2", "1:ncpus=2:mem=640mb",
    "1:ncpus=2:mem=640mb:model=v100:site=x:k8s_pod=y",
  ])
  func ofASelectWithWords(_ select: String) {
    var description = Self.description()
    description.chunks[0].words = ["model": "a100", "mpiprocs": "2"]
    description.resources = ["software": "x"]
    description.place = "exclhost"
    #expect(description.fit(select: select) == .exactly)
  }

  /// What is submitted is what is found again, however it was rounded.
  @Test(arguments: [1, 1023, 1024, 1025, 100_000_000, 671_088_640, Int.max])
  func ofItsOwnSelect(_ memory: Int) {
    let description = JobDescription(
      name: "a", chunks: [.init(ncpus: 1, memory: memory, host: "n", others: ["x": 3])],
      walltime: nil, queue: nil, environment: [])
    #expect(description.fit(select: description.select) == .exactly)
  }

  /// vnode@host and what it gave.
  typealias Given = (String, [String: String])

  private static func allocated(_ given: [Given]) -> [Job.AllocatedChunk] {
    given.map { Job.AllocatedChunk(vnode: $0.0, resources: $0.1) }
  }

  private static let hostMap = HostMap(
    hosts: PBSHosts(
      vnodes: [
        PBSVnode(name: "node1[0]", host: "node1"), PBSVnode(name: "node1[1]", host: "node1"),
        PBSVnode(name: "vn2", host: "realhost2"),
      ]))

  @Test(
    arguments: [
      ([("node1[0]", ["ncpus": "2", "mem": "655360kb"])], Fit.exactly),
      ([("node1[0]", ["ncpus": "2"])], .exactly),
      (
        [
          ("node1[0]", ["ncpus": "1", "mem": "327680kb"]),
          ("node1[1]", ["ncpus": "1", "mem": "327680kb"]),
        ], .exactly
      ),
      ([("node1[0]", ["ncpus": "4", "mem": "655360kb"])], .more),
      (
        [("node1[0]", ["ncpus": "1", "mem": "655360kb"])],
        .less("ncpus=1 instead of 2")
      ),
      ([("node1[0]", ["mem": "655360kb"])], .less("ncpus=0 instead of 2")),
      (
        [("node1[0]", ["ncpus": "1"]), ("vn2", ["ncpus": "1"])], .less("2 hosts instead of 1")
      ),
      ([], .less("ncpus=0 instead of 2")),
    ] as [([Given], Fit)])
  func ofWhatPBSGave(_ given: [Given], _ fit: Fit) {
    #expect(Self.description().fit(allocated: Self.allocated(given), on: Self.hostMap) == fit)
  }

  @Test(
    arguments: [
      ([("vn2", ["ncpus": "2"])], Fit.exactly),
      ([("node1[0]", ["ncpus": "2"])], .less("host=node1 instead of realhost2")),
    ] as [([Given], Fit)])
  func ofWhatPBSGaveOnAHost(_ given: [Given], _ fit: Fit) {
    let description = Self.description(host: "realhost2")
    #expect(description.fit(allocated: Self.allocated(given), on: Self.hostMap) == fit)
  }
}
