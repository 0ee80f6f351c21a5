"""`make install` puts each file where it belongs, and the manual pages say what the programs say.

The packages themselves are tested by `make test-packages` (Tests/packages).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.units import read_unit
from integration.connector import PROGRAMS, REPOSITORY, program_folder

DEPLOY = REPOSITORY / "deploy"
HOOKS = REPOSITORY / "hooks"
EXECUTABLE = {*(f"usr/bin/{program}" for program in PROGRAMS), "usr/sbin/pbs-connector-hooks", "usr/bin/kubectl-pbs",
              "usr/share/pbs-connector/hooks/install", "usr/share/pbs-connector/deploy/setup/pbs-connector-setup", "usr/share/pbs-connector/hooks/placeholder"}


def install(root: Path, *settings: str) -> str:
    generated = root.parent / f"generated-for-{root.name}"
    done = subprocess.run(["make", "-C", REPOSITORY, "install", f"DESTDIR={root}", f"PROGRAMS={program_folder()}",
                           f"GENERATED={generated}", *settings], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is installed for a package, under /usr."""
    root = tmp_path_factory.mktemp("install") / "root"
    install(root, "PREFIX=/usr")
    return root


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


def test_each_program_comes_with_its_page_and_completion(root: Path) -> None:
    expected = {"usr/share/man/man5/pbs-connector-config.5", "usr/share/man/man8/pbs-connector-hooks.8",
                "usr/lib/sysusers.d/pbs-connector.conf", "usr/lib/tmpfiles.d/pbs-connector.conf",
                "etc/pbs-connector/config.yaml", "etc/pbs-connector/pbs_kubernetes.CF",
                "usr/share/doc/pbs-connector/README.md", "usr/share/pbs-connector/deploy/rbac.yaml",
                "usr/share/pbs-connector/deploy/admission-policies.yaml", "usr/share/pbs-connector/deploy/renewal.yaml",
                "usr/bin/kubectl-pbs", "usr/share/man/man1/kubectl-pbs.1",
                "usr/sbin/pbs-connector-setup", "usr/share/man/man8/pbs-connector-setup.8",
                "usr/lib/systemd/system/pbs-connector-renewal@.service", "usr/lib/systemd/system/pbs-connector-renewal@.timer"}
    for program in PROGRAMS:
        expected |= {f"usr/bin/{program}", f"usr/share/man/man8/{program}.8", f"usr/lib/systemd/system/{program}.service",
                     f"usr/share/bash-completion/completions/{program}", f"usr/share/zsh/site-functions/_{program}"}
    assert expected <= files(root)


def test_the_hooks_are_installed_as_they_are(root: Path) -> None:
    there = root / "usr/share/pbs-connector/hooks"
    here = {path for path in files(HOOKS) if "__pycache__" not in path}
    assert files(there) == here - {"README.md"}, "its README is among the documentation"
    assert {path for path in here & files(there) if (there / path).read_bytes() != (HOOKS / path).read_bytes()} == {"install"}
    assert (there / "install").read_text().splitlines()[1:] == (HOOKS / "install").read_text().splitlines()[1:]


def test_modes_are_those_of_programs_and_texts(root: Path) -> None:
    for name in files(root):
        path = root / name
        if not path.is_symlink():
            executable = name in EXECUTABLE or name.startswith("usr/share/pbs-connector/deploy/supervisors/") and name.endswith(("/run", "/folders"))
            assert path.stat().st_mode & 0o7777 == (0o755 if executable else 0o644), name


def test_nothing_names_the_folder_that_it_was_installed_in(root: Path) -> None:
    said = [name for name in files(root) if str(root).encode() in (root / name).read_bytes()]
    assert said == []


def test_the_hooks_find_their_configuration_beside_them(root: Path) -> None:
    link = root / "usr/share/pbs-connector/hooks/pbs_kubernetes.CF"
    assert link.is_symlink() and link.resolve() == (root / "etc/pbs-connector/pbs_kubernetes.CF").resolve()


def test_a_configuration_that_is_there_stays(tmp_path: Path) -> None:
    root = tmp_path / "root"
    own = root / "etc/pbs-connector/config.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("log-level: debug\n")
    install(root, "PREFIX=/usr")
    install(root, "PREFIX=/usr")
    assert own.read_text() == "log-level: debug\n"
    assert (own.parent / "config.yaml.new").read_bytes() == (DEPLOY / "config.yaml").read_bytes()
    assert not (own.parent / "pbs_kubernetes.CF.new").exists(), "one that is ours is no news"


def test_under_another_prefix_all_is_there_and_says_so(tmp_path: Path) -> None:
    root = tmp_path / "root"
    install(root)
    assert all(name.startswith(("usr/local/", "etc/pbs-connector/")) for name in files(root))
    for program in PROGRAMS:
        unit = read_unit(root / f"usr/local/lib/systemd/system/{program}.service")
        assert unit["Documentation"] == ["file:///usr/local/share/doc/pbs-connector/README.md"]
    assert "/usr/local/share/pbs-connector/hooks/install" in (root / "usr/local/sbin/pbs-connector-hooks").read_text()


def test_programs_that_are_not_built_are_named(tmp_path: Path) -> None:
    done = subprocess.run(["make", "-C", REPOSITORY, "install", f"DESTDIR={tmp_path}", f"PROGRAMS={tmp_path}"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and f"no {tmp_path}/kube-watcher: make release" in done.stderr
    assert files(tmp_path) == set()


def test_the_installed_configuration_of_the_hooks_is_theirs(root: Path) -> None:
    assert (root / "etc/pbs-connector/pbs_kubernetes.CF").read_bytes() == (HOOKS / "pbs_kubernetes.CF").read_bytes()


# Manual pages


def plain(page: Path) -> str:
    """A page without its macros: escapes as the characters that they stand for."""
    text = re.sub(r"\\f[BRI]|\\&", "", page.read_text())
    for escape, character in {"\\-": "-", "\\(aq": "'", "\\(ga": "`", "\\(ha": "^", "\\(ti": "~", "\\(dq": '"', "\\e": "\\"}.items():
        text = text.replace(escape, character)
    return text


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_page_has_each_option_of_its_program(program: str, root: Path) -> None:
    told = subprocess.run([program_folder() / program, "--experimental-dump-help"], check=True, capture_output=True, text=True, timeout=60)
    command = json.loads(told.stdout)["command"]
    described = [command, *(each for each in command.get("subcommands", []) if each["commandName"] != "help")]
    options = {f"--{name['name']}" for each in described for argument in each["arguments"] if argument.get("shouldDisplay", True)
               for name in argument.get("names", []) if name["kind"] == "long"}
    assert len(options) > 4
    assert options == set(re.findall(r"--[\w-]+", plain(root / f"usr/share/man/man8/{program}.8")))


def test_the_page_of_the_broker_has_explain(root: Path) -> None:
    page = plain(root / "usr/share/man/man8/pbs-broker.8")
    assert "pbs-broker explain" in page and "-f, --file" in page
    assert "(default: default)" in page, "a default that stands apart from an option's words"


def test_the_page_of_the_configuration_has_each_key(root: Path) -> None:
    page = plain(root / "usr/share/man/man5/pbs-connector-config.5")
    rows = re.findall(r"^\| `([\w./-]+)`[ ,|]", (REPOSITORY / "docs" / "configuration.md").read_text(), re.MULTILINE)
    assert len(rows) > 60
    tags = set(re.findall(r"^\.TP\n(\S+?),?(?: .*)?$", page, re.MULTILINE))
    assert set(rows) <= tags


@pytest.mark.parametrize("name", ["man8/kube-watcher.8", "man8/pbs-broker.8", "man8/binder.8", "man8/pbs-connector-hooks.8",
                                  "man8/pbs-connector-setup.8", "man1/kubectl-pbs.1",
                                  "man5/pbs-connector-config.5"])
def test_groff_finds_no_fault_in_a_page(name: str, root: Path) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("no groff in PATH (Debian: groff-base)")
    done = subprocess.run([groff, "-man", "-Tutf8", "-ww", "-z", root / "usr/share/man" / name],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("program", PROGRAMS)
def test_bash_takes_the_completion(program: str, root: Path) -> None:
    """Sourced, the script offers the program's options for a word that begins with dashes."""
    script = root / "usr/share/bash-completion/completions" / program
    words = f"source {script}; COMP_LINE='{program} --log-l'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({program} --log-l); COMP_CWORD=1; " \
            f"$(complete -p {program} | sed 's/.*-F \\([^ ]*\\).*/\\1/') {program} --log-l {program}; echo \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["--log-level"], done.stderr


def test_versions_agree() -> None:
    text = (REPOSITORY / "Sources/Shared/Startup/Version.swift").read_text()
    version = text.split('"')[1]
    assert (DEPLOY / "debian/changelog").read_text().startswith(f"pbs-connector ({version}) ")
    assert f"- {version}-1\n" in (DEPLOY / "rpm/pbs-connector.spec").read_text()


def test_the_folders_of_the_sockets_are_those_of_the_units(root: Path) -> None:
    lines = [line.split() for line in (root / "usr/lib/tmpfiles.d/pbs-connector.conf").read_text().splitlines()
             if line and not line.startswith("#")]
    folders = {words[1]: (words[2], words[3], words[4]) for words in lines if words[0] == "d"}
    links = {words[1]: words[6] for words in lines if words[0] == "L+"}
    expected, linked = {"/run/pbs-connector": ("0755", "root", "root")}, {}
    for program in ("kube-watcher", "pbs-broker"):
        unit = read_unit(DEPLOY / "systemd" / f"{program}.service")
        expected[f"/run/{unit['RuntimeDirectory'][0]}"] = (unit["RuntimeDirectoryMode"][0], unit["User"][0], unit["Group"][0])
        for command in unit["ExecStartPre"]:
            target, link = command.split()[2:]
            linked[link.replace("%t", "/run")] = target
    assert (folders, links) == (expected, linked)
