"""The shell commands of the documentation: those in blocks of code, and those between backquotes."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from docs.markdown import REPOSITORY, text_of

PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "hooks/README.md",
         *sorted(f"docs/{path.name}" for path in (REPOSITORY / "docs").glob("*.md")))
# What a line of shell begins with. A block that begins with none of them has to be something else that is known.
PROGRAMS = ("./install", "apt-get", "binder", "coproc", "curl", "etcdutl", "git", "grep", "groupadd", "hooks/install", "install", "journalctl",
            "kube-watcher", "kubectl", "kustomize", "ls", "make", "pbs-broker", "pbs-connector-hooks", "pbs-connector-setup", "pbsnodes",
            "pgrep", "podman", "promtool", "python3", "qalter", "qdel", "qhold", "qmgr", "qrls", "qselect", "qsig", "qstat", "qsub",
            "socat", "ss", "swift", "systemctl", "systemd-analyze", "systemd-sysusers", "systemd-tmpfiles", "tracejob", "useradd")
# What begins a command in a block, but also other things between backquotes.
WORDS = ("cd", "echo", "export", "for", "frame()", "frame", "ln", "of()", "of", "printf", "while")
PROMPT = re.compile(r"[#$] ")


def beginning(names: tuple[str, ...]) -> "re.Pattern[str]":
    return re.compile(r"(?:[A-Z_]+=\S* )*(?:%s)(?![\w./:-])" % "|".join(map(re.escape, names)))


PROGRAM, SHELL = beginning(PROGRAMS), beginning(PROGRAMS + WORDS)
# A line of a log, or of an error: "pbs-broker: warning: ...", "job 5.pbsserver ...".
LOG = re.compile(r"(?:kube-watcher|pbs-broker|binder|install|Error from server[^:]*): +\S")
# Other blocks, by how each begins: pictures, formats, what a program prints.
OTHERS = ("kube-apiserver   ", "kube-watcher's messages --+", "LibPBS --- ", "HOST   NODE ", "job 5.pbsserver runs on node1",
          "TOKEN     = ", "CLUSTER    ", "1.YzBm", "kube-watcher: node1-4711 answers", "LENGTH SPACE JSON LF", "17 * * * * ",
          "[Service]")


@dataclass(frozen=True)
class Block:
    """A block of code, without its indentation."""

    page: str
    line: int
    lines: tuple[str, ...]

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def prompt(self) -> str:
        """What stands before commands where a block shows what they print, too."""
        return self.lines[0][:2] if PROMPT.match(self.lines[0]) and SHELL.match(self.lines[0][2:]) else ""

    @property
    def kind(self) -> str | None:
        """shell, yaml, json or other; None for what is not known."""
        first = PROMPT.sub("", self.lines[0]) if self.prompt else next(line for line in self.lines if not line.startswith("#"))
        if first.startswith(OTHERS) or LOG.match(first):
            return "other"
        if SHELL.match(first):
            return "shell"
        if re.match(r"[\w./-]+:(?: |$)|- \w", first):
            return "yaml"
        return "json" if first.startswith("{") else None


@dataclass(frozen=True)
class Command:
    """One command, or one construct of the shell, as it is typed: no prompt, no comment behind it."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text.splitlines()[0][:60]}"


def blocks(page: str) -> list[Block]:
    """What is indented by four columns or more, behind an empty line."""
    lines = text_of(page).splitlines()
    found, number = [], 0
    while number < len(lines):
        if not lines[number].startswith("    ") or (number and lines[number - 1].strip()):
            number += 1
            continue
        end = number
        while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
            end += 1
        body = [line.rstrip() for line in lines[number:end]]
        margin = min(len(line) - len(line.lstrip()) for line in body if line)
        while not body[-1]:
            body.pop()
        found.append(Block(page, number + 1, tuple(line[margin:] for line in body)))
        number = end
    return found


def is_open(text: str) -> bool:
    """Whether the shell waits for more: a pipe at the end, a quote or a loop that is not closed."""
    words = re.sub(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", "''", text)
    opened = len(re.findall(r"^\s*(?:for|while)\b|\bcase\b", words, re.MULTILINE))
    closed = len(re.findall(r"\b(?:done|esac)\b", words))
    return (text.endswith(("|", "\\", "&&")) or words.count("'") % 2 == 1 or opened > closed
            or words.count("{") > words.count("}"))


def commands_of(block: Block) -> list[Command]:
    """The commands of a block of shell. Where lines have the prompt "$ " or "# ", the others are output."""
    found: list[Command] = []
    waiting: Command | None = None
    for number, line in enumerate(block.lines, block.line):
        if waiting is None and (not line.strip() or not line.startswith(block.prompt) or LOG.match(line)
                                or not block.prompt and line.startswith("#")):
            continue
        text = re.sub(r"(?<=\S)\s+# .*", "", line if waiting else line[len(block.prompt):])
        waiting = Command(block.page, number, text) if waiting is None else Command(
            waiting.page, waiting.line, f"{waiting.text}\n{text}")
        if not is_open(waiting.text):
            found.append(waiting)
            waiting = None
    assert waiting is None, f"{block.place}: the last command has no end"
    return found


def inline_commands(page: str) -> list[Command]:
    """Commands in a text: between backquotes, with an argument."""
    found = []
    for number, line in enumerate(text_of(page).splitlines(), 1):
        if line.startswith("    "):
            continue
        for code in re.findall(r"`([^`]+)`", line):
            if PROGRAM.match(code) and " " in code and not LOG.match(code):
                found.append(Command(page, number, code.replace("\\|", "|")))
    return found


@functools.cache
def all_commands() -> tuple[Command, ...]:
    """Every command of every page, each text once."""
    found: dict[str, Command] = {}
    for page in PAGES:
        blocked = [command for block in blocks(page) if block.kind == "shell" for command in commands_of(block)]
        for command in blocked + inline_commands(page):
            found.setdefault(command.text, command)
    return tuple(found.values())
