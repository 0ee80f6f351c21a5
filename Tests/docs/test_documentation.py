"""The documentation says all that the sources do, and nothing else: both ways, for each list that can be compared."""

from __future__ import annotations

import re

import pytest

from docs import markdown, swift_sources

CONFIGURATION = "docs/configuration.md"
PROTOCOL = "docs/protocol.md"
RELIABILITY = "docs/reliability.md"
DOCUMENTS = ("README.md", "docs/annotations.md", "docs/architecture.md", "docs/capacity.md", CONFIGURATION, "docs/metrics.md", "docs/installation.md", "docs/kubernetes.md", "docs/nodes.md", "docs/policy.md", "docs/operations.md", PROTOCOL, RELIABILITY, "docs/security.md")

# A message's type, its heading in the protocol, and the struct that holds its fields, if one does.
MESSAGES = (
    ("hello", "### hello", ("Shared/Wire/ControlMessage.swift", "Hello")),
    ("synced", "### synced", ("Shared/Wire/ControlMessage.swift", "Synced")),
    ("ping", "### ping", ("Shared/Wire/ControlMessage.swift", "Ping")),
    ("pong", "### pong", ("Shared/Wire/ControlMessage.swift", "Pong")),
    ("goodbye", "### goodbye", ("Shared/Wire/ControlMessage.swift", "Goodbye")),
    ("pod", "### pod", None),
    ("pod-gone", "### pod-gone", None),
    ("node", "### node", None),
    ("node-gone", "### node-gone", None),
    ("cluster", "### cluster", None),
    ("claim", "### claim", None),
    ("node-use", "### node-use", None),
    ("claim-gone", "### claim-gone", None),
    ("bind", "### bind", ("Shared/Messages/BrokerMessage.swift", "Bind")),
    ("report", "### report", ("Shared/Messages/BrokerMessage.swift", "Report")),
    ("evict", "### evict", ("Shared/Messages/BrokerMessage.swift", "Evict")),
    ("withdraw", "### withdraw", None),
    ("mark-node", "### mark-node", ("Shared/Messages/MarkNode.swift", "MarkNode")),
    ("note-node", "### note-node", ("Shared/Messages/NoteNode.swift", "NoteNode")),
    ("select-node", "### select-node", ("Shared/Messages/SelectNode.swift", "SelectNode")),
    ("claim-outcome", "### claim-outcome", ("Shared/Messages/SelectNode.swift", "ClaimOutcome")),
    ("node-outcome", "### node-outcome", ("Shared/Messages/MarkNode.swift", "NodeOutcome")),
    ("outcome", "### outcome", ("Shared/Messages/BinderMessage.swift", "Outcome")),
    ("hint", "## Hints", ("pbs-broker/Observe/HintListener.swift", "Hint")),
)

# Messages that carry the broker's number for them, which stands beside the struct (NumberedMessage).
NUMBERED = ("bind", "report", "evict", "mark-node", "select-node")

# Structs of the Kubernetes objects, and where the protocol names their members.
KUBERNETES_OBJECTS = (
    ("Shared/Kubernetes/ObjectMeta.swift", "ObjectMeta", "metadata"),
    ("Shared/Kubernetes/PodSpec.swift", "PodSpec", "spec"),
    ("Shared/Kubernetes/PodSpec.swift", "Container", "each container"),
    ("Shared/Kubernetes/Pod.swift", "PodStatus", "status"),
    ("Shared/Kubernetes/PodSpec.swift", "TopologySpreadConstraint", "spec.topologySpreadConstraints"),
)

# Programs whose flags are not our processes'.
OTHER_PROGRAMS = ("kubectl ", "systemd-tmpfiles ", "pbs-connector-setup ", "pbs-connector-hooks ")

# A limit: where it stands in the sources, and in the protocol's words.
LIMITS = (
    ("Shared/Wire/Frame.swift", "limit", lambda value: f"4 MiB ({value:.0f} octets"),
    ("Shared/Wire/Frame.swift", "clientLimit", lambda value: f"1 MiB ({value:.0f} octets"),
    ("pbs-broker/Observe/HintListener.swift", "frameLimit", lambda value: f"1 KiB ({value:.0f} octets"),
    ("pbs-broker/Observe/HintListener.swift", "connectionLife", lambda value: f"hint socket | {value:.0f} s |"),
    ("Shared/Wire/FrameConnection.swift", "queueLimit", lambda value: f"| {value / 2**20:.0f} MiB |"),
    ("Shared/Wire/PublisherTiming.swift", "hello", lambda value: f"| {value * 1000:.0f} ms |"),
    ("Shared/Wire/PublisherTiming.swift", "silence", lambda value: f"| silence of a consumer | {value:.0f} s |"),
    ("Shared/Wire/PublisherTiming.swift", "ownership", lambda value: f"{value:.0f} s from now"),
    ("Shared/Wire/ControlMessage.swift", "protocolVersion", lambda value: f"the integer in `hello`, now {value:.0f}."),
)


def documented_settings(program: str) -> dict[str, list[str]]:
    """The rows on keys of one program, by key: type, range, default, what it does."""
    headings = ("### Keys of all three", f"### {program}")
    rows = [row for heading in headings for row in markdown.rows(markdown.section(CONFIGURATION, heading))]
    keys = {markdown.codes(row[0])[0]: row[1:] for row in rows}
    assert len(keys) == len(rows), "a key stands twice"
    return keys


def documented_names() -> list[str]:
    """The names of the first table in the section on names."""
    text = markdown.section(CONFIGURATION, "## Names").split("On pods:")[0]
    return [markdown.codes(row[0])[0] for row in markdown.rows(text)]


def fields_in(section: str) -> dict[str, list[str]]:
    """The rows on a message's fields, by field: type, meaning."""
    table = section.split("| field | type |")
    assert len(table) > 1, "no table of fields"
    rows = markdown.rows("| field | type |" + table[1].split("\n\n")[0])
    return {markdown.codes(row[0])[0]: row[1:] for row in rows}


# Configuration


@pytest.mark.parametrize("program", swift_sources.PROGRAMS)
def test_each_setting_is_documented_and_no_other(program: str) -> None:
    assert set(documented_settings(program)) == set(swift_sources.settings(program))


@pytest.mark.parametrize("program", swift_sources.PROGRAMS)
def test_the_ranges_of_settings_are_the_documented_ones(program: str) -> None:
    documented = documented_settings(program)
    ranges = {key: range for key, range in swift_sources.settings(program).items() if range is not None}
    assert ranges, "no setting with a range was found"
    assert {key: documented[key][1] for key in ranges} == {key: range.replace("...", " to ") for key, range in ranges.items()}


def test_the_defaults_of_the_broker_are_the_documented_ones() -> None:
    documented = documented_settings("pbs-broker")
    defaults = {key: value for key, value in swift_sources.defaults_of_broker().items() if key in documented}
    assert len(defaults) >= 7
    assert {key: float(documented[key][2]) for key in defaults} == {key: float(value) for key, value in defaults.items()}


def test_each_flag_is_documented_with_its_programs_and_no_other() -> None:
    rows = markdown.rows(markdown.section(CONFIGURATION, "## Flags"))
    documented = {markdown.codes(row[0])[0]: row[1] for row in rows}
    expected: dict[str, str] = {"--version": "all", "--help": "all"}
    by_program = {program: swift_sources.flags(program) for program in swift_sources.PROGRAMS}
    for flag in set().union(*by_program.values()):
        programs = [program for program in swift_sources.PROGRAMS if flag in by_program[program]]
        expected[flag] = "all" if len(programs) == len(swift_sources.PROGRAMS) else ", ".join(programs)
    assert documented == expected


def test_each_environment_variable_is_documented_and_no_other() -> None:
    documented = {name for row in markdown.rows(markdown.section(CONFIGURATION, "## Environment"))
                  for name in markdown.codes(row[0])}
    # Read by name in findProgram().
    assert 'environment["PATH"]' in swift_sources.text_of("Shared/Runtime/FindProgram.swift")
    assert documented == swift_sources.environment_variables()


def test_each_well_known_name_is_documented_and_no_other() -> None:
    names = documented_names()
    assert len(names) == len(set(names)), "a name stands twice"
    assert set(names) == swift_sources.well_known_names()


def test_each_event_and_condition_is_documented_and_no_other() -> None:
    rows = markdown.rows(markdown.section(CONFIGURATION, "## Names").split("On pods:")[1])
    conditions = {(markdown.codes(row[0])[0], row[1].split(",")[0], markdown.codes(row[1])[0])
                  for row in rows if markdown.codes(row[1])}
    events = {markdown.codes(row[0])[0] for row in rows if not markdown.codes(row[1])}
    assert conditions == swift_sources.conditions()
    assert events == swift_sources.event_reasons()


def test_each_option_is_documented_in_the_sources_words_and_no_other() -> None:
    rows = markdown.rows(markdown.section("docs/annotations.md", "## What a pod can ask for"))
    documented = {markdown.codes(row[0])[0].removeprefix("pbs-connector/"): (row[1], row[3] == "yes") for row in rows}
    assert len(documented) == len(rows), "an annotation stands twice"
    assert documented == swift_sources.options()


def test_each_annotation_on_pods_is_documented_as_such() -> None:
    written = {name for name in swift_sources.well_known_names() if name.startswith("pbs-connector/")}
    text = markdown.section("docs/annotations.md", "## What the connector writes")
    assert {markdown.codes(row[0])[0] for row in markdown.rows(text)} == written


def test_a_namespace_may_have_the_documented_keys() -> None:
    source = swift_sources.text_of("pbs-broker/PolicySettings.swift")
    reads = swift_sources.balanced(source, source.index("extension NamespacePolicy {") + len("extension NamespacePolicy "), "{", "}")
    keys = set(re.findall(r'settings\.(?:text|texts|table|sections|quantity|word)\("([\w-]+)"[,)]', reads))
    rows = markdown.rows(markdown.section("docs/policy.md", "## Namespaces"))
    assert {markdown.codes(row[0])[0] for row in rows} == keys


def test_explain_takes_every_configuration_that_the_broker_takes() -> None:
    """Keys that pbs-broker reads outside of BrokerSettings say nothing about pods: explain passes over them."""
    read = set(re.findall(r'settings\.(?:text|texts)\(\s*"([\w-]+)"', swift_sources.text_of("pbs-broker/BrokerConfiguration.swift")))
    listed = re.search(r"elsewhere = \[(.*?)\]", swift_sources.text_of("pbs-broker/Explain/ExplainCommand.swift"), re.DOTALL)
    assert listed and read
    assert set(re.findall(r'"([\w-]+)"', listed.group(1))) == read


# Protocol


def test_each_message_type_is_documented_and_no_other() -> None:
    documented = re.findall(r"^\| `type` \| string \| `([\w-]+)` \|$", markdown.text_of(PROTOCOL), re.MULTILINE)
    assert len(documented) == len(set(documented)), "a type stands twice"
    assert set(documented) == swift_sources.message_types()
    assert set(documented) == {message[0] for message in MESSAGES}


@pytest.mark.parametrize("type, heading, structure", MESSAGES, ids=[message[0] for message in MESSAGES])
def test_a_messages_fields_are_the_documented_ones(type: str, heading: str, structure: tuple[str, str] | None) -> None:
    documented = fields_in(markdown.section(PROTOCOL, heading))
    assert documented["type"][1] == f"`{type}`"
    if structure is None:
        return
    assert ("id" in documented) == (type in (*NUMBERED, "outcome", "node-outcome", "claim-outcome"))
    # `owner` is added by the publisher, `type` by the enum around the struct, `id` by the outbox.
    added = {"type", "owner"} | ({"id"} if type in NUMBERED else set())
    declared = {name: optional for name, optional in swift_sources.fields(*structure).items() if name != "type"}
    told = {name: "optional" in row[0] for name, row in documented.items() if name not in added}
    assert told == declared


def test_the_fields_of_a_pod_reference_are_the_documented_ones() -> None:
    documented = fields_in(markdown.section(PROTOCOL, "### Pod reference"))
    assert set(documented) == set(swift_sources.fields("Shared/Messages/PodReference.swift", "PodReference"))


@pytest.mark.parametrize("file, structure, where", KUBERNETES_OBJECTS, ids=[row[1] for row in KUBERNETES_OBJECTS])
def test_the_members_of_kubernetes_objects_are_the_documented_ones(file: str, structure: str, where: str) -> None:
    rows = markdown.rows(markdown.section(PROTOCOL, "### pod").split("The members of `pod`")[1])
    cell = next(row[1] for row in rows if where in (row[0], *markdown.codes(row[0])))
    # What stands in parentheses belongs to a member's own members.
    members = set(markdown.codes(re.sub(r"\([^)]*\)", "", cell)))
    assert members == set(swift_sources.fields(file, structure))


def test_each_outcome_is_documented_and_no_other() -> None:
    table = markdown.section(PROTOCOL, "### outcome").split("| result | answers |")[1]
    documented = {markdown.codes(row[0])[0] for row in markdown.rows("| result | answers |" + table)}
    assert documented == swift_sources.cases("Shared/Messages/BinderMessage.swift", "Result")


def test_each_role_is_documented_and_no_other() -> None:
    row = fields_in(markdown.section(PROTOCOL, "### hello"))["role"]
    assert set(markdown.codes(row[1])) == swift_sources.cases("Shared/Wire/ControlMessage.swift", "Role")


@pytest.mark.parametrize("file, name, words", LIMITS, ids=[limit[1] for limit in LIMITS])
def test_the_limits_are_the_documented_ones(file: str, name: str, words: object) -> None:
    assert callable(words)
    assert words(swift_sources.constant(file, name)) in markdown.text_of(PROTOCOL)


def test_the_frame_in_the_example_is_one() -> None:
    frame = re.search(r"LENGTH SPACE JSON LF\s+(\d+) (\{.*\})$", markdown.text_of(PROTOCOL), re.MULTILINE)
    assert frame is not None
    assert int(frame.group(1)) == len(frame.group(2)) + 1


# All documents


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_in_the_repository_exist(document: str) -> None:
    paths = re.findall(r"`((?:Sources|Tests|hooks|deploy|docs)/[\w./-]+)`", markdown.text_of(document))
    assert [path for path in paths if not (markdown.REPOSITORY / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_flags_named_in_text_exist(document: str) -> None:
    known = {"--version", "--help"}.union(*(swift_sources.flags(program) for program in swift_sources.PROGRAMS))
    # Options of pbs-connector-setup may be named without it.
    setup = set(re.findall(r'add\("(--[a-z-]+)"', markdown.text_of("deploy/setup/pbs-connector-setup")))
    known |= setup if "pbs-connector-setup" in markdown.text_of(document) else set()
    codes = [code for code in markdown.codes(markdown.text_of(document)) if not code.startswith(OTHER_PROGRAMS)]
    named = {flag for code in codes for flag in re.findall(r"(?<!\S)--[a-z][a-z-]+", code)}
    assert named <= known


def test_the_readme_gives_the_plain_commands() -> None:
    lines = [line.strip() for line in markdown.text_of("README.md").splitlines() if line.startswith("    ")]
    assert "make demo" in lines
    assert "make test" in lines


def test_each_test_that_reliability_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", markdown.text_of(RELIABILITY)))
    sources = "\n".join(file.read_text(encoding="utf-8") for file in (markdown.REPOSITORY / "Tests").rglob("test_*.py"))
    assert named, "no test is named"
    assert named <= set(re.findall(r"def (test_\w+)\(", sources))
    swift = re.findall(r"`(\w+Tests)\.(\w+)`", markdown.text_of(RELIABILITY))
    files = markdown.REPOSITORY / "Tests" / "UnitTests"
    assert [f"{file}.{name}" for file, name in swift
            if not re.search(rf"func {name}\(", (files / f"{file}.swift").read_text(encoding="utf-8"))] == []


def test_each_fault_names_its_test_or_says_that_there_is_none() -> None:
    rows = markdown.rows(markdown.text_of(RELIABILITY))
    assert [row[0] for row in rows if not re.search(r"`test_\w+`|`\w+Tests\.\w+`|not yet shown", row[2])] == []
