"""Each default that configuration.md names is the sources'; each flag stands for the key of its name.

Types, ranges and reloads are held against the programs themselves: Tests/integration/test_documented_settings.py.
"""

from __future__ import annotations

import re

import pytest

from docs import markdown, swift_sources
from docs.test_documentation import CONFIGURATION, documented_settings

FOLDER = r'"\\\(Process\.runDirectory\)/{}"'
WATCHER, BROKER, BINDER = "kube-watcher/KubeWatcher.swift", "pbs-broker/BrokerConfiguration.swift", "binder/BinderCommand.swift"
STARTUP, POLICY, TRANSLATION = "Shared/Startup", "pbs-broker/PolicySettings.swift", "pbs-broker/Translation/TranslationPolicy.swift"
AGREEMENT, OWN = "pbs-broker/Decide/NodeAgreement.swift", "pbs-broker/BrokerSettings.swift"

# A key that is not among the numbers of BrokerSettings: where its default stands, and how. "{}" is the documented value.
PLACES = {
    "log-level": (STARTUP, r"guard let text else {{ return \.{} }}"), "log-format": (STARTUP, r"guard let text else {{ return \.{} }}"),
    "metrics-namespaces": ("Shared/Monitoring/Monitor.swift", r"public var namespaces = {}$"),
    "kube-watcher.socket": (WATCHER, r'"socket", flag: socket\) \?\? ' + FOLDER),
    "kube-watcher.scheduler-name": ("Shared/Kubernetes/WellKnown.swift", r'static let schedulerName = "{}"$'),
    "check-interval": (WATCHER, r'"check-interval", in: \S+\) \?\? {}\)'),
    "watch-silence": (WATCHER, r'"watch-silence", in: \S+\) \?\? {},'),
    "leader-elect": (WATCHER, r"var leaderElect = {}$"),
    "lease-namespace": (WATCHER, r'"lease-namespace"\) \?\? "{}"$'),
    "watcher": (BROKER, r'"watcher", flag: flags\.watcher\)\s+\?\? ' + FOLDER),
    "pbs-broker.socket": (BROKER, r'"socket", flag: flags\.socket\) \?\? ' + FOLDER),
    "pbs-broker.allowed-servers": (BROKER, r'"allowed-servers"\), key: "pbs-broker\.allowed-servers",\s+packaged: "{}"'),
    "pbs-backend": (OWN, r"var pbsBackend = BackendKind\.{}$"), "proof": (OWN, r"var reliance = Reliance\.{}$"),
    "bind-when": (OWN, r"var bindWhen = BindWhen\.{}$"), "check-capacity": (OWN, r"var checksCapacity = {}$"),
    "least-uid": (OWN, r"var leastUID = {}$"), "deadline-margin": (TRANSLATION, r"var deadlineMargin = {}$"),
    "default-cpu": (POLICY, r'base\.defaults = \["cpu": try Quantity\("{}"\)'),
    "default-memory": (POLICY, r'base\.defaults = \[.*"memory": try Quantity\("{}"\)'),
    "sync-nodes": ("pbs-broker/Nodes/NodeSyncSettings.swift", r"var isOn = {}$"),
    "sync-resources": ("pbs-broker/Nodes/NodeSyncSettings.swift", r"var setsResources = {}$"),
    "sync-interval": ("pbs-broker/Nodes/NodeSyncSettings.swift", r"var interval = {}$"),
    "sync-not-ready": (AGREEMENT, r"var notReady = {}$"), "sync-down": (AGREEMENT, r"var down = {}$"), "sync-rest": (AGREEMENT, r"var rest = {}$"),
    "broker": (BINDER, r'"broker", flags: broker\) \?\? \[' + FOLDER + r"\]"),
    "binder.allowed-servers": (BINDER, r'key: "binder\.allowed-servers", packaged: "{}"'),
    "binder.scheduler-name": ("Shared/Kubernetes/WellKnown.swift", r'static let schedulerName = "{}"$'),
    "requests-in-flight": (BINDER, r'"requests-in-flight", in: \S+\) \?\? {}$'),
    "longest-grace": ("binder/PodActions.swift", r"var longestGrace = {}$"), "event-interval": ("binder/EventBudget.swift", r"var interval = {}$"),
}
# Defaults of several values, or that the sources say in units of their own.
WORDED = {
    "least-cpu": (("`1`; `100m` where `resources` maps cpu"), TRANSLATION, r"var leastCPU = Quantity\(nano: 1_000_000_000\)$"),
    "least-memory": ("`1Mi`", TRANSLATION, r"var leastMemory = Quantity\(nano: 1_048_576 \* 1_000_000_000\)$"),
    "placeholder": ("`/bin/sleep`, `infinity`", OWN, r'var placeholder = \["/bin/sleep", "infinity"\]$'),
    "hints-socket": ("`socket` with `-hints` before its `.sock`", BROKER, r'String\(socket\.dropLast\(5\)\) : socket\) \+ "-hints\.sock"$'),
    "unsupported": ("`refuse`", "pbs-broker/Translation/NamespacePolicy.swift", r"var ignoresUnsupported: String\?$"),
}
# What a key means that is not there, where no value stands for that.
MEANINGS = ("", "none", "PBS's", "PBS's default queue", "host name and process id", "all namespaces alike", "pbs-broker's own user",
            "none: submissions are not signed", "this host's full name in the resolver", "the UID of the namespace kube-system",
            "see [Kubernetes connection](#kubernetes-connection)",
            "$PBS_EXEC, then the PBS_EXEC line of $PBS_CONF_FILE or /etc/pbs.conf, then the folder of a `qsub` in PATH")
ROWS = [(program, key, row[2]) for program in swift_sources.PROGRAMS for key, row in documented_settings(program).items()]


def pattern(place: str, value: str) -> str:
    """The expression with the documented value; a path without the folder of the sockets, a number with or without ".0"."""
    value = value.rpartition("/")[2] if "runDirectory" in place else value
    return place.format(re.escape(value) + (r"(?:\.0)?" if value.isdigit() else ""))


@pytest.mark.parametrize("program, key, default", ROWS, ids=[f"{row[0]}.{row[1]}" for row in ROWS])
def test_a_default_is_the_sources(program: str, key: str, default: str) -> None:
    if key in swift_sources.defaults_of_broker() and program == "pbs-broker" and key not in PLACES:
        assert float(default) == float(swift_sources.defaults_of_broker()[key])
    elif key in WORDED:
        words, file, expression = WORDED[key]
        assert default == words and re.search(expression, swift_sources.text_of(file), re.MULTILINE)
    elif key in PLACES or f"{program}.{key}" in PLACES:
        file, expression = PLACES.get(f"{program}.{key}") or PLACES[key]
        value = (markdown.codes(default) or [default])[0]
        assert re.search(pattern(expression, value), swift_sources.text_of(file), re.MULTILINE), f"{file} has another default than {value}"
    elif key == "annotations":
        allowed = {name for name, (_, by_default) in swift_sources.options().items() if by_default}
        assert set(markdown.codes(default)) == allowed
    else:
        assert default in MEANINGS, "say in this test where that default stands in the sources"


def test_no_place_is_left_over() -> None:
    keys = {key for row in ROWS for key in (row[1], f"{row[0]}.{row[1]}")}
    assert set(PLACES) | set(WORDED) <= keys
    assert set(MEANINGS) <= {row[2] for row in ROWS}


def test_a_flag_stands_for_the_key_of_its_name() -> None:
    """For the same programs; the key's own row says what it does."""
    keys = {program: set(documented_settings(program)) for program in swift_sources.PROGRAMS}
    with_keys = set()
    for flag, whose, _, words in markdown.rows(markdown.section(CONFIGURATION, "## Flags")):
        name = markdown.codes(flag)[0].removeprefix("--")
        programs = swift_sources.PROGRAMS if whose == "all" else whose.split(", ")
        if re.match(r"key `", words):
            assert markdown.codes(words)[0] == name and all(name in keys[program] for program in programs)
            with_keys.add(name)
        elif name != "config":
            assert not any(name in keys[program] for program in programs), f"{flag} is a key as well"
    for name in with_keys:
        assert re.search(rf'"{name}",\s+flags?: ', swift_sources.text_of("Shared/Startup", *swift_sources.PROGRAMS)) or name in (
            "leader-elect", "pbs-backend", "sync-resources"), f"nothing reads --{name}"
