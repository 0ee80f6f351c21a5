// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "pbs-connector",
  products: [
    .executable(name: "kube-watcher", targets: ["kube-watcher"]),
    .executable(name: "pbs-broker", targets: ["pbs-broker"]),
    .executable(name: "binder", targets: ["binder"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    .systemLibrary(name: "CLibevent", pkgConfig: "libevent", providers: [.apt(["libevent-dev"])]),
    .systemLibrary(
      name: "CLibcurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CLibyaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(name: "CLinux"),
    .target(
      name: "Shared",
      dependencies: [
        "CLibevent", "CLibcurl", "CLibyaml", "CLinux",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .executableTarget(
      name: "kube-watcher",
      dependencies: ["Shared", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .executableTarget(
      name: "pbs-broker",
      dependencies: ["Shared", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .executableTarget(
      name: "binder",
      dependencies: [
        "Shared", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "DequeModule", package: "swift-collections"),
      ]),
    .testTarget(
      name: "UnitTests",
      dependencies: ["Shared", "kube-watcher", "pbs-broker", "binder"]),
  ]
)

// `make fuzz` (Tests/fuzz): instead of the programs a fuzzer of what they are made of. It
// takes the broker as a library, for which its main program has to stand back.
if Context.environment["PBS_CONNECTOR_FUZZ"] != nil {
  let programs = ["kube-watcher", "pbs-broker", "binder", "UnitTests"]
  package.products = [.executable(name: "fuzz", targets: ["fuzz"])]
  package.targets.removeAll { programs.contains($0.name) }
  package.targets += [
    .target(
      name: "pbs-broker",
      dependencies: ["Shared", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      exclude: ["PBSBroker.swift", "Explain/ExplainCommand.swift"]),
    .executableTarget(
      name: "fuzz", dependencies: ["Shared", "pbs-broker"], path: "Tests/fuzz/Targets"),
  ]
}
