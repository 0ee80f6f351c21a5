// swift-tools-version: 6.1
import PackageDescription

/// What all three programs are made of.
let common: [Target.Dependency] = [
  "Text", "Runtime", "Startup", "Wire", "Kubernetes", "Messages",
  .product(name: "ArgumentParser", package: "swift-argument-parser"),
  .product(name: "Logging", package: "swift-log"),
]

/// What pbs-broker alone is made of, besides: libpbs, and the proof of submission.
let broker: [Target.Dependency] =
  common + [
    "CLinux", "CPBS", .product(name: "Crypto", package: "swift-crypto"),
    .product(name: "DequeModule", package: "swift-collections"),
  ]

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
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    .systemLibrary(name: "CLibevent", pkgConfig: "libevent", providers: [.apt(["libevent-dev"])]),
    .systemLibrary(
      name: "CLibcurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CLibyaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(name: "CLinux"),
    .target(name: "CPBS"),
    // The libraries below show who may do what: Kubernetes is talked to by kube-watcher and binder
    // alone, PBS by pbs-broker alone, and only the first two link libcurl and OpenSSL.
    .target(name: "Text", path: "Sources/Shared/Text"),
    .target(
      name: "Runtime",
      dependencies: [
        "CLibevent", "CLinux", "Text",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
      ],
      path: "Sources/Shared/Runtime"),
    .target(
      name: "Startup",
      dependencies: [
        "CLibyaml", "Runtime", "Text",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      path: "Sources/Shared/Startup"),
    .target(
      name: "Wire",
      dependencies: [
        "CLinux", "Runtime", "Text",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
      ],
      path: "Sources/Shared/Wire"),
    .target(name: "Kubernetes", path: "Sources/Shared/Kubernetes"),
    .target(
      name: "Messages", dependencies: ["Kubernetes", "Text"], path: "Sources/Shared/Messages"),
    .target(
      name: "HTTP",
      dependencies: [
        "CLibcurl", "Runtime", "Text",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
      ],
      path: "Sources/Shared/HTTP"),
    .target(
      name: "KubernetesClient",
      dependencies: ["HTTP", "Kubernetes", "Messages", "Runtime", "Startup", "Text"],
      path: "Sources/Shared/KubernetesClient"),
    .executableTarget(
      name: "kube-watcher",
      dependencies: common + ["KubernetesClient"]),
    .executableTarget(name: "pbs-broker", dependencies: broker),
    .executableTarget(
      name: "binder",
      dependencies: common + ["KubernetesClient"]),
    .testTarget(
      name: "UnitTests",
      dependencies: common + ["KubernetesClient", "kube-watcher", "pbs-broker", "binder"]),
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
      name: "pbs-broker", dependencies: broker,
      exclude: ["PBSBroker.swift", "Explain/ExplainCommand.swift"]),
    .executableTarget(
      name: "fuzz",
      dependencies: common + [
        "KubernetesClient", "pbs-broker", .product(name: "Crypto", package: "swift-crypto"),
      ],
      path: "Tests/fuzz/Targets"),
  ]
}
