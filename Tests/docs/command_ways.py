"""What is done with each command of the documentation: which test runs it, or why none does and what is checked instead.

A command that no row here fits fails `test_commands.py`, and so does a row that fits no command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from docs.commands import Command, all_commands


@dataclass(frozen=True)
class Way:
    """The commands that a pattern fits as a whole, and what is done with them."""

    pattern: str
    how: str
    # Why a command is not run, or what runs it under another name.
    reason: str = ""


# How: "site" runs it beside the three processes on a real API server and a simulated PBS
# (Tests/integration/test_documented_commands.py); "host" on a host of its own (Tests/deploy/test_documented_installation.py); "make" is
# make -n; "setup", "hooks", "pbs", "qmgr" and "units" hold its words against what these take (test_commands.py);
# "checked" looks for its files and flags; "words" is no command, but a line of a log.
WAYS = (
    Way(r"(qstat|binder|kube-watcher) (has not answered|answers again|b has|does not say|now watches) .*", "words"),
    Way(r"pbs-broker libpbs-helper PATH", "words", "what ps shows"),
    # A plain host
    Way(r"make install( .*)?", "host"),
    Way(r"install -(?:d|D|m|o) .*", "host"),
    Way(r"systemd-sysusers", "host"),
    Way(r"(?:groupadd|useradd|for user in|for process in|ln) .*", "host"),
    Way(r"(?:kube-watcher|pbs-broker|binder) --config /etc/pbs-connector/config.yaml( .*)?", "host"),
    Way(r"systemd-tmpfiles --create pbs-connector.conf", "host"),
    Way(r"make hooks", "make"),
    Way(r"python3 installer/build.py /tmp/\w+\.PY( \w+)?", "host"),
    # A site
    Way(r"kubectl .*", "site"),
    Way(r"echo .*kubectl create --raw .*", "site"),
    Way(r"(?:socat|frame|frame\(\)|coproc|while|of|of\(\)) .*", "site"),
    Way(r"pbs-broker --metrics-address .*|curl .*", "site"),
    Way(r"pbs-broker .*", "site"),
    Way(r"qstat -s|qstat -f(?: -w)? (?:JOB|ID)(?: \| grep .*)?|qstat -B|qselect .*|pbsnodes (?:-.* )?node1|pbsnodes -[al]", "site"),
    # Words held against what a program takes
    Way(r"(?:[A-Z_]+=\S* )*make .*", "make"),
    Way(r"pbs-connector-setup.*", "setup"),
    Way(r"(?:(?:\./|hooks/)?install|pbs-connector-hooks) --.*", "hooks"),
    Way(r"qmgr -c .*", "qmgr"),
    Way(r"(?:q[a-z]+|tracejob|pbsnodes) .*", "pbs"),
    Way(r"(?:systemctl|journalctl) .*", "units"),
    # Not run
    Way(r"systemd-analyze security", "checked", "Tests/deploy/test_units.py runs it on each unit"),
    Way(r"apt-get install \./\.build/packages/.*", "checked", "Tests/packages installs them in a Debian of its own"),
    Way(r"export KUBECONFIG=/etc/kubernetes/admin.conf", "checked", "where kubeadm leaves it"),
    Way(r"apt-get purge .*", "checked", "it would remove packages of this machine; Tests/packages purges them in a Debian of its own"),
    Way(r"podman build .*", "checked", "Tests/packages/test_image.py builds the image, by buildah"),
    Way(r"podman push .*", "checked", "needs a registry"),
    Way(r"cd \S+ && kustomize edit .*", "checked", "kustomize alone, without kubectl, is rarely there"),
    Way(r"(?:\S+=\S+ )*python3 -m (?:pytest|bench) .*", "checked", "tests and benchmarks are no part of a test"),
    Way(r"swift test|git log|swift build -c release .*", "checked", "tests are no part of a test; a mention"),
    Way(r"(?:ss|pgrep|ls|grep) .*", "checked", "what they show is the host's own"),
)


def way_of(command: Command) -> Way | None:
    """The first row that fits."""
    return next((way for way in WAYS if re.fullmatch(way.pattern, command.text, re.DOTALL)), None)


def commands(how: str) -> list[Command]:
    """The commands with which one thing is done."""
    return [command for command in all_commands() if (way := way_of(command)) is not None and way.how == how]
