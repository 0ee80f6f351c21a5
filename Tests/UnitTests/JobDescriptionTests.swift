import Testing

@testable import pbs_broker

/// PBS Professional User's Guide, "Requesting Resources"; pbs_resources(7B) for sizes.
@Suite struct JobDescriptionTests {
  typealias Chunk = JobDescription.Chunk

  @Test(arguments: [
    (Chunk(ncpus: 1, memory: nil, host: nil, others: [:]), "1:ncpus=1"),
    (Chunk(ncpus: 0, memory: 0, host: nil, others: [:]), "1:ncpus=0:mem=0mb"),
    (Chunk(ncpus: 2, memory: 671_088_640, host: nil, others: [:]), "1:ncpus=2:mem=640mb"),
    (Chunk(ncpus: 1, memory: nil, host: "node1", others: [:]), "1:ncpus=1:host=node1"),
    (
      Chunk(ncpus: 1, memory: 1 << 30, host: "node1", others: ["ngpus": 2, "fpga": 1]),
      "1:ncpus=1:mem=1024mb:fpga=1:ngpus=2:host=node1"
    ),
  ])
  func aChunkIsText(_ chunk: Chunk, _ text: String) {
    #expect(chunk.text == text)
  }

  @Test(arguments: [
    (0, "0mb"), (1, "1kb"), (1023, "1kb"), (1024, "1kb"), (1025, "2kb"), (1 << 20, "1mb"),
    ((1 << 20) + 1, "1025kb"),
    (100_000_000, "97657kb"), (671_088_640, "640mb"), (Int.max, "8796093022208mb"),
  ])
  func aSizeIsNeverSmaller(_ octets: Int, _ text: String) {
    #expect(Chunk.size(octets) == text)
  }

  @Test func chunksAreJoined() {
    let chunk = Chunk(ncpus: 1, memory: nil, host: nil, others: [:])
    let job = JobDescription(
      name: "a", chunks: [chunk, Chunk(ncpus: 2, memory: nil, host: nil, others: [:])],
      walltime: nil, queue: nil,
      environment: [])
    #expect(job.select == "1:ncpus=1+1:ncpus=2")
  }
}
