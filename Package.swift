// swift-tools-version: 6.2
import PackageDescription

/// What all three programs are made of.
let common: [Target.Dependency] = [
  "Text", "Runtime", "Startup", "Wire", "Kubernetes", "Messages", "ConnectorMetrics", "Monitoring",
  .product(name: "ArgumentParser", package: "swift-argument-parser"),
  .product(name: "CoreMetrics", package: "swift-metrics"),
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
    .executable(name: "kube-watcher", targets: ["kube-watcher-program"]),
    .executable(name: "pbs-broker", targets: ["pbs-broker-program"]),
    .executable(name: "binder", targets: ["binder-program"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
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
      name: "ConnectorMetrics",
      dependencies: [.product(name: "CoreMetrics", package: "swift-metrics")],
      path: "Sources/Shared/Metrics"),
    .target(
      name: "Monitoring",
      dependencies: [
        "CLinux", "ConnectorMetrics", "Runtime", "Text", "Wire",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Logging", package: "swift-log"),
      ],
      path: "Sources/Shared/Monitoring"),
    .target(
      name: "Startup",
      dependencies: [
        "CLibyaml", "ConnectorMetrics", "Monitoring", "Runtime", "Text",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      path: "Sources/Shared/Startup"),
    .target(
      name: "Wire",
      dependencies: [
        "CLinux", "ConnectorMetrics", "Runtime", "Text",
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
      dependencies: [
        "ConnectorMetrics", "HTTP", "Kubernetes", "Messages", "Runtime", "Startup", "Text",
      ],
      path: "Sources/Shared/KubernetesClient"),
    // The core of each program is a library, for unit tests, fuzzers and the simulation.
    .target(
      name: "kube-watcher", dependencies: common + ["KubernetesClient"], exclude: ["Program"]),
    .target(name: "pbs-broker", dependencies: broker, exclude: ["Program"]),
    .target(name: "binder", dependencies: common + ["KubernetesClient"], exclude: ["Program"]),
    .executableTarget(
      name: "kube-watcher-program", dependencies: ["kube-watcher"],
      path: "Sources/kube-watcher/Program"),
    .executableTarget(
      name: "pbs-broker-program", dependencies: ["pbs-broker"], path: "Sources/pbs-broker/Program"),
    .executableTarget(
      name: "binder-program", dependencies: ["binder"], path: "Sources/binder/Program"),
    .target(name: "ManualTime", dependencies: ["Runtime"], path: "Tests/time"),
    .testTarget(
      name: "UnitTests",
      dependencies: common + [
        "KubernetesClient", "ManualTime", "kube-watcher", "pbs-broker", "binder",
      ]),
  ]
)

// `make simulate`: it tests with @testable, which a release build does not have.
if Context.environment["PBS_CONNECTOR_SIMULATE"] != nil {
  package.targets.append(
    .executableTarget(
      name: "simulate",
      dependencies: common + [
        "HTTP", "KubernetesClient", "ManualTime", "kube-watcher", "pbs-broker", "binder",
      ],
      path: "Tests/simulation",
      exclude: [
        "test_simulation.py", "__init__.py", "__main__.py", "runs.py", "defects.py", "defects",
      ]))
}

// `make fuzz`: its main function is libFuzzer's, so nothing else can link it.
if Context.environment["PBS_CONNECTOR_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "fuzz",
      dependencies: common + [
        "KubernetesClient", "pbs-broker", .product(name: "Crypto", package: "swift-crypto"),
      ],
      path: "Tests/fuzz/Targets"))
}
