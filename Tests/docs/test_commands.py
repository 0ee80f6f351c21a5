"""Every command of the documentation is run by a test, or its words are held against what its program takes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.command_ways import WAYS, commands, way_of
from docs.commands import PAGES, Command, all_commands, blocks
from docs.markdown import REPOSITORY, codes, rows, section, text_of

UNITS = {path.stem.removesuffix("@") for path in (REPOSITORY / "deploy/systemd").glob("*.service")}
# PBS's own unit, on its hosts.
OTHER_UNITS = {"pbs"}
UNIT_VERBS = {"edit", "enable", "kill", "reload", "restart", "start", "status", "stop"}
# The options of OpenPBS's commands: GETOPT_ARGS in src/cmds and src/tools of release 23.06.06.
PBS_OPTIONS = {
    "qsub": "a:A:c:C:e:fGhIj:J:k:l:m:M:N:o:p:q:r:R:S:u:v:VW:XzP:", "qstat": "ainpqrstwxu:fGHJMQEBW:T1F:D:", "qdel": "W:x",
    "qselect": "a:A:c:h:HJl:N:p:q:r:s:t:Tu:xP:", "qalter": "a:A:c:e:h:j:k:l:m:M:N:o:p:r:R:S:u:W:P:", "qsig": "s:", "qhold": "h:",
    "qrls": "h:", "pbsnodes": "acC:dD:F:HjlLoqrs:Sv", "tracejob": "zvamslw:p:n:f:c:",
}
# The directives of qmgr, as far as the documentation has them.
QMGR = re.compile(r"(?:set|unset) (?:server|queue \w+|node \w+|hook \w+) [\w.]+ (?:=|\+=|-=) ?\S.*"
                  r"|unset (?:server|queue \w+|node \w+|hook \w+) [\w.]+"
                  r"|(?:list|print) (?:server|(?:hook|queue|node|resource) \w+)|create (?:resource|queue) \w+(?: \w+=\S+)*")


def test_each_block_of_code_is_known() -> None:
    """Nothing is passed over because it does not look like a command: Tests/docs/commands.py says what it is."""
    assert [block.place for page in PAGES for block in blocks(page) if block.kind is None] == []


def test_each_command_has_its_way() -> None:
    found = all_commands()
    assert len(found) > 150
    assert [str(command) for command in found if way_of(command) is None] == [], "run it, or say why not: Tests/docs/command_ways.py"


def test_no_way_is_left_over() -> None:
    used = {way_of(command) for command in all_commands()}
    assert [way.pattern for way in WAYS if way not in used] == []
    assert [way.pattern for way in WAYS if way.how == "checked" and not way.reason] == []


def test_the_shell_takes_each_command() -> None:
    for command in all_commands():
        text = re.sub(r"\[[A-Z -]+\]|\[--?[\w-]+ [A-Z]+\]|\[[A-Z]+\.\.\.\]", "", command.text)
        done = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True, timeout=30)
        if way_of(command) != WAYS[0]:
            assert done.returncode == 0, f"{command}: {done.stderr}"


def test_paths_of_the_repository_exist() -> None:
    for command in all_commands():
        for path in re.findall(r"(?<![\w/.-])(?:deploy|hooks|Tests|docs|installer)/[\w./-]+", command.text):
            folder = REPOSITORY / Path(command.page).parent if command.page.startswith("hooks/") else REPOSITORY
            assert any((place / path).exists() for place in (folder, REPOSITORY)), f"{command}: {path}"


@pytest.mark.parametrize("command", commands("make"), ids=str)
def test_make_knows_the_target(command: Command) -> None:
    words = shlex.split(command.text)
    environment = dict(word.split("=", 1) for word in words[:words.index("make")])
    arguments = words[words.index("make") + 1:]
    assert all(re.fullmatch(r"[A-Z_]+=.*|[a-z-]+", word) for word in arguments), "an option, or a path"
    # A setting that nothing reads is a mistake that make does not notice.
    makefiles = text_of("Makefile") + text_of("deploy/install.mk")
    assert [word for word in arguments if "=" in word and f"$({word.split('=')[0]})" not in makefiles] == []
    done = subprocess.run(["make", "-n", "-C", REPOSITORY, *arguments], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **environment})
    assert done.returncode == 0 and done.stdout.strip(), done.stderr


def cron_commands() -> list[str]:
    """What cron runs, in installation.md: minute, hour, day, month, day of the week, user, command."""
    found = re.findall(r"^    \d+ \* \* \* \* [\w-]+ (.*)$", text_of("docs/installation.md"), re.MULTILINE)
    assert found
    return found


@pytest.mark.parametrize("text", [command.text for command in commands("setup")] + cron_commands())
def test_pbs_connector_setup_takes_the_options(text: str) -> None:
    """Its own parser does. What the steps do is tested by Tests/deploy/test_setup.py."""
    script = ("import runpy, sys; program = runpy.run_path(sys.argv[1], run_name='program'); sys.argv = sys.argv[1:]; "
              "taken = program['parsed'](); assert set(taken.steps) <= {*program['STEPS'], 'renew'}, taken.steps")
    done = subprocess.run([sys.executable, "-c", script, REPOSITORY / "deploy/setup/pbs-connector-setup", *shlex.split(text)[1:]],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", commands("hooks"), ids=str)
def test_the_installer_of_hooks_takes_the_options(command: Command, tmp_path: Path) -> None:
    """What the configuration names is not here, and no qmgr: it says so, and changes nothing. What it does is tested by Tests/hooks/test_install.py."""
    configuration = str(REPOSITORY / "hooks/pbs_kubernetes.CF")
    arguments = [configuration if word == "..." or word.endswith(".CF") else word for word in shlex.split(command.text)[1:]]
    done = subprocess.run([sys.executable, REPOSITORY / "hooks/install", *arguments], capture_output=True, text=True, timeout=60,
                          env={"PATH": str(tmp_path), "PBS_EXEC": str(tmp_path), "PBS_CONF_FILE": str(tmp_path / "none")})
    assert done.returncode == 1 and done.stderr.startswith("install: ") and "usage" not in done.stderr, done.stderr


def simple_commands(text: str) -> list[list[str]]:
    """The words of each command of a pipeline or a list, without what it sets for its environment."""
    found: list[list[str]] = [[]]
    for word in shlex.shlex(text.replace("\\\n", ""), posix=True, punctuation_chars="|&;()<>"):
        if set(word) <= set("|&;"):
            found.append([])
        elif found[-1] or not re.match(r"[A-Z_]+=", word):
            found[-1].append(word)
    return found


def options_taken(program: str, words: list[str]) -> None:
    """As getopt reads them; an option that is only named may lack its value."""
    takes = {letter: colon == ":" for letter, colon in re.findall(r"(\w)(:?)", PBS_OPTIONS[program])}
    position = 0
    while position < len(words) and words[position].startswith("-") and words[position] != "--":
        letters = words[position][1:]
        position += 1
        while letters:
            assert letters[0] in takes, f"{program} has no option -{letters[0]}"
            if takes[letters[0]]:
                position += len(letters) == 1
                break
            letters = letters[1:]


@pytest.mark.parametrize("command", [command for command in all_commands() if command.text.split()[0] in PBS_OPTIONS
                                     and getattr(way_of(command), "how", "") != "words"], ids=str)
def test_pbs_takes_the_options(command: Command) -> None:
    for program, *words in simple_commands(command.text):
        if program in PBS_OPTIONS:
            options_taken(program, words)


@pytest.mark.parametrize("command", commands("qmgr"), ids=str)
def test_qmgr_takes_the_directive(command: Command) -> None:
    program, option, directive = shlex.split(command.text)
    assert (program, option) == ("qmgr", "-c") and QMGR.fullmatch(directive), directive


@pytest.mark.parametrize("command", commands("units"), ids=str)
def test_the_units_exist_and_the_options(command: Command) -> None:
    program, *words = shlex.split(command.text)
    if shutil.which(program):
        told = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=30).stdout
        options = re.findall(r"(?<![\w-])(-[a-z]\b|--[a-z-]+)", " ".join(words))
        # The former name of --kill-whom, which systemd before 252 has alone and later ones take.
        assert [option for option in options if option != "--kill-who" and not re.search(rf"{option}\b", told)] == []
    if program == "journalctl":
        assert set(re.findall(r"-u (\S+)", command.text)) <= UNITS
        assert {word.split("=")[0] for word in words if "=" in word} <= journal_fields()
    else:
        verb, *units = [word for word in words if not word.startswith("-") and word not in ("USR1",)]
        assert verb in UNIT_VERBS and set(units) <= UNITS | OTHER_UNITS


def journal_fields() -> set[str]:
    """The fields that operations.md has a table of, by their names in the journal."""
    table = rows(section("docs/operations.md", "## Lines of the log"))
    return {f"PBS_CONNECTOR_{name.upper()}" for row in table for name in codes(row[0])}


@pytest.mark.parametrize("command", commands("checked"), ids=str)
def test_what_is_not_run_has_its_options(command: Command) -> None:
    """Long ones, of programs that are here and say them."""
    for words in simple_commands(command.text):
        options = [word.split("=")[0] for word in words if word.startswith("--") and word != "--help"]
        if not options or shutil.which(words[0]) is None:
            continue
        subcommand = [word for word in words[1:2] if not word.startswith("-")]
        told = subprocess.run([words[0], *subcommand, "--help"], capture_output=True, text=True, timeout=60)
        assert [option for option in options if option not in told.stdout + told.stderr] == []
    files = re.findall(r"-f (\S+file)\b", command.text)
    assert all((REPOSITORY / file).exists() for file in files)
    arguments = re.findall(r"--build-arg (\w+)=", command.text)
    assert all(f"ARG {name}=" in text_of("deploy/Containerfile") for name in arguments)
