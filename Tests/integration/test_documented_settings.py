"""configuration.md says of each key what the program itself says: its type and range, and whether a reload makes it count."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

from docs.markdown import codes, section
from docs.swift_sources import PROGRAMS
from docs.test_documentation import CONFIGURATION, documented_settings
from integration.connector import program_folder
from integration.site import Site

# Other valid values than the defaults, and than those of the tests' sites.
OTHERS = {
    "account": "a", "allowed-peers": "[root]", "allowed-servers": "[root]", "annotations": "[walltime]", "bind-when": "prerun",
    "binder-patience": "61", "check-capacity": "false", "command-timeout": "61", "connections-per-minute": "99999", "deadline-margin": "301",
    "default-cpu": "2", "default-memory": "2Mi", "default-walltime": "1h", "flavours": "{a: {queue: b}}", "group": "staff",
    "hints-socket": "/tmp/hints.sock", "hosts": "{a: b}", "ignore-taints": "[a.org/b]", "instance": "other", "labels-from-pbs": "{a.org/b: switch}",
    "least-cpu": "2", "least-memory": "2Mi", "least-uid": "1001", "limits": "{cpu: 64}", "log-format": "json", "log-level": "trace",
    "longest-walltime": "24h", "look-interval": "0.2", "look-interval-with-hints": "4", "metrics-address": "/tmp/metrics.sock",
    "metrics-namespaces": "51", "namespaces": "{default: {}}", "node-labels": "{a.org/c: disktype}", "orphan-grace": "2",
    "pbs-backend": "commands", "pbs-exec": "/opt/elsewhere", "placeholder": "[/bin/sleep, 1d]", "priority-classes": "{high: 5}", "project": "p",
    "proof": "required", "proof-host": "a.org", "proof-keys": "/tmp/keys", "queue": "workq", "resources": "{a.org/gpu: ngpus}",
    "room-patience": "61", "socket": "/tmp/other.sock", "submissions-in-flight": "9", "sync-down": "61", "sync-interval": "16",
    "sync-nodes": "true", "sync-not-ready": "301", "sync-resources": "true", "sync-rest": "601", "sync-taints": "[a.org/d]", "taint-resources": "{a.org/e: dedicated=no}",
    "terminating-patience": "2", "unsupported": "ignore", "user": "nobody", "vanish-interval": "1", "vanish-least": "11", "vanish-share": "0.3", "volume-patience": "61",
    "watcher": "/tmp/watcher.sock",
}
ROWS = [(program, key, kind, limits) for program in PROGRAMS for key, (kind, limits, *_) in documented_settings(program).items()]


def said(program: str, key: str, value: str, folder: Path) -> str:
    """What the program ends with when the key has this value."""
    file = folder / "config.yaml"
    file.write_text(f"{program}:\n  {key}: {value}\n")
    done = subprocess.run([program_folder() / program, "--config", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    return line.removeprefix(f"{program}: ").replace(f"{file}: {program}.", "").removesuffix(" (line 2)")


def shape(kind: str) -> tuple[str, str]:
    """A value of another shape than the type, and what is said of it."""
    if kind.startswith("mapping"):
        return "x", "must be a mapping"
    if kind.startswith("list"):
        return "{a: b}", "must be a text or a list of texts"
    return "[x]", "must be a text"


def mistake(key: str, kind: str, limits: str) -> tuple[str, str] | None:
    """A text that is no value of the type, and what is said of it; None where every text will do."""
    words = " or ".join(codes(limits) or codes(kind))
    if key.startswith("log-"):
        return "x", f"{key}: x is none of {', '.join(codes(limits))}"
    if kind.startswith("whole number") or kind == "number":
        return "x", f"{key} must be a whole number from {limits}"
    if kind in ("seconds", "share"):
        return "x", f"{key} must be a number from {limits}"
    if kind == "true or false":
        return "x", f"{key} must be true or false"
    if kind == "quantity":
        return "a b", f"{key} must be a quantity"
    if kind == "word" or re.fullmatch(r"`\w+` or `\w+`", kind):
        return "x", f"{key} must be {words}"
    if kind.startswith("walltime"):
        return "x y", f'{key}: "x y" '
    return None


@pytest.mark.parametrize("program, key, kind, limits", ROWS, ids=[f"{row[0]}.{row[1]}" for row in ROWS])
def test_the_type_and_the_range_are_the_programs(program: str, key: str, kind: str, limits: str, tmp_path: Path) -> None:
    value, words = shape(kind)
    assert said(program, key, value, tmp_path).endswith(words)
    wrong = mistake(key, kind, limits)
    if wrong is None:
        assert not re.search(r"\d to \d", limits) or "octets" in limits or "letters" in limits, f"{kind}: a range that nothing is held against"
        return
    assert said(program, key, wrong[0], tmp_path).startswith(wrong[1])


@pytest.mark.simulated_pbs("PBS plays no part")
def test_a_reload_makes_count_what_the_documentation_says(site: Site) -> None:
    """All other keys are said to count from the next start on."""
    keys = set(documented_settings("pbs-broker"))
    assert keys == set(OTHERS)
    counts = set(codes(section(CONFIGURATION, "### What a reload makes count")))
    site.connector.start("pbs-broker")
    broker = site.connector["pbs-broker"]
    broker.wait_for_log("proof: ")
    text = "pbs-broker:\n" + "".join(f"  {key}: {value}\n" for key, value in OTHERS.items())
    (site.connector.directory / "config.yaml").write_text(text)
    before = len(broker.lines)
    broker.signal(signal.SIGHUP)
    line = broker.wait_for_log("read the configuration again: log-level is ", 30, after=before)
    changed = set(line.split("changed are ")[1].split(", "))
    later = set(re.findall(r"pbs-broker\.([\w-]+) has changed, which counts from the next start on", broker.log()))
    assert later == keys - counts
    assert changed | {"log-level"} == counts
