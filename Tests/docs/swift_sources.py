"""What the Swift sources say of flags, settings, messages and names: read from their text, not from running them."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = REPOSITORY / "Sources"
PROGRAMS = ("kube-watcher", "pbs-broker", "binder")


def text_of(*names: str) -> str:
    """The Swift source text below these folders of Sources, or of these files."""
    texts = []
    for name in names:
        path = SOURCES / name
        files = sorted(path.rglob("*.swift")) if path.is_dir() else [path]
        assert files, f"no Swift source in {path}"
        texts += [file.read_text(encoding="utf-8") for file in files]
    return "\n".join(texts)


def kebab(name: str) -> str:
    """"lookInterval" as "look-interval"."""
    return re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()


def balanced(text: str, start: int, opening: str = "(", closing: str = ")") -> str:
    """What stands between the opening bracket at `start` and the closing one that belongs to it."""
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == opening) - (text[position] == closing)
        if depth == 0:
            return text[start + 1:position]
    raise AssertionError(f"no {closing} after {text[start:start + 40]!r}")


def flags(program: str) -> set[str]:
    """The long flags of a program, those of all three included."""
    found = set()
    for source in (text_of(program), text_of("Shared/Startup/CommonOptions.swift")):
        for match in re.finditer(r"@(?:Option|Flag)\(", source):
            declaration = balanced(source, match.end() - 1)
            rest = source[match.end() + len(declaration) + 1:]
            variable = re.match(r"\s*(?:public )?var (\w+)", rest)
            assert variable, f"no variable after {match.group()}{declaration}"
            long = re.search(r'\.customLong\("([^"]+)"\)', declaration)
            found.add("--" + (long.group(1) if long else kebab(variable.group(1))))
    return found


def settings(program: str) -> dict[str, str | None]:
    """The keys that a program reads from the configuration file, with the range where the source gives one ("1...256")."""
    found: dict[str, str | None] = {}
    source = text_of(program) + text_of("Shared/Startup/CommonOptions.swift")
    for match in re.finditer(r"(?:settings\.(?:text|texts|table|sections|quantity|number|count|flag|word)|try quantity)\(", source):
        arguments = balanced(source, match.end() - 1)
        limits = re.search(r"in: ([\d_.]+?)\.\.\.([\d_.]+)", arguments)
        literal = re.match(r'"([^"]+)"', arguments)
        keys = [literal.group(1)] if literal else _keys_of_loop(source[:match.start()], arguments)
        for key in keys:
            found[key] = limits.group(0)[len("in: "):].replace("_", "") if limits else None
    return found


def _keys_of_loop(before: str, variable: str) -> list[str]:
    """The values of the loop variable of `for (a, b) in [("x", "y"), ...]` around a place in the source."""
    loop = list(re.finditer(r"for \(([\w, ]+)\) in \[(.*?)\]", before))[-1]
    position = [name.strip() for name in loop.group(1).split(",")].index(variable)
    return [re.findall(r'"([^"]*)"', item)[position] for item in re.findall(r"\(([^)]*)\)", loop.group(2))]


def defaults_of_broker() -> dict[str, str]:
    """The numbers in the declarations of BrokerSettings, by key."""
    source = text_of("pbs-broker/BrokerSettings.swift")
    return {kebab(name): value for name, value in re.findall(r"^  var (\w+) = ([\d._]+)$", source, re.MULTILINE)}


def message_types() -> set[str]:
    """The types of all messages on all sockets."""
    types = set()
    for file in ("Shared/Messages/MessageKinds.swift", "Shared/Wire/ControlMessage.swift"):
        for enumeration in re.finditer(r"enum Kind: String[^{]*{", text_of(file)):
            types |= words_of(balanced(text_of(file), enumeration.end() - 1, "{", "}"))
    types |= set(re.findall(r'hint\.type == "([\w-]+)"', text_of("pbs-broker/Observe/HintListener.swift")))
    return types


def fields(file: str, structure: str) -> dict[str, bool]:
    """The stored properties of a struct, with whether each is optional."""
    source = text_of(file)
    start = re.search(rf"struct {structure}: [^{{]*{{", source)
    assert start, f"no struct {structure} in {file}"
    body = balanced(source, start.end() - 1, "{", "}")
    declared = re.findall(r"^\s*(?:public )?var `?(\w+)`?(?:: ([\w.?:\[\] ]+?))?(?: = .*)?$", body, re.MULTILINE)
    return {name: kind.endswith("?") for name, kind in declared}


def cases(file: str, enumeration: str) -> set[str]:
    """The raw values of an enum of words."""
    source = text_of(file)
    start = re.search(rf"enum {enumeration}: String[^{{]*{{", source)
    assert start, f"no enum {enumeration} in {file}"
    return words_of(balanced(source, start.end() - 1, "{", "}"))


def words_of(body: str) -> set[str]:
    """The raw values of the cases in an enum's braces."""
    return {value or name for name, value in re.findall(r'^\s*case (\w+)(?: = "([^"]+)")?$', body, re.MULTILINE)}


def constant(file: str, name: str) -> float:
    """A static constant, or a default, that is a number, or a number shifted left."""
    match = re.search(rf"(?:static let|public var) {name} = ([\d._]+)(?: << (\d+))?$", text_of(file), re.MULTILINE)
    assert match, f"no constant {name} in {file}"
    return float(match.group(1).replace("_", "")) * float(1 << int(match.group(2) or 0))


def well_known_names() -> set[str]:
    """The values of WellKnown.swift."""
    return set(re.findall(r'static let \w+ = "([^"]+)"', text_of("Shared/Kubernetes/WellKnown.swift")))


def environment_variables() -> set[str]:
    """The environment variables that the programs read."""
    source = text_of("Shared", *PROGRAMS)
    # An assignment is what a child process gets, not what is read.
    return set(re.findall(r'environment\["(\w+)"\](?!\s*=[^=])', source))


def event_reasons() -> set[str]:
    """The reasons of all Events: what the broker reports, and what the binder writes by itself."""
    return set(re.findall(r'reason: "(\w+)",\s*message', text_of("pbs-broker", "binder/Binder.swift", "binder/Binder+Bindings.swift")))


def options() -> dict[str, tuple[str, bool]]:
    """The options that a pod may ask for by annotation: what each does, and whether a pod may without a policy."""
    source = text_of("pbs-broker/Translation/OptionKey.swift")
    allowed = re.search(r"allowedByDefault: Set<OptionKey> = \[([^\]]*)\]", source)
    assert allowed, "no list of what is allowed"
    by_default = set(re.findall(r"\.(\w+)", allowed.group(1)))
    found = {}
    for words, name, value in re.findall(r'((?:^  /// .*\n)+)  case (\w+)(?: = "([^"]+)")?$', source, re.MULTILINE):
        text = " ".join(line.strip().removeprefix("/// ") for line in words.splitlines())
        found[value or name] = (text, name in by_default)
    return found


def conditions() -> set[tuple[str, str, str]]:
    """Type, status and reason of the conditions that the binder sets on pods."""
    return set(re.findall(r'type: "(\w+)", status: "(\w+)", reason: "(\w+)"', text_of("binder/PodActions.swift")))
