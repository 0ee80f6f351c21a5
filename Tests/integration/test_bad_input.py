"""What can never work is one clear line and the end; what can work later is said and tried again.

The lines are those of docs/configuration.md, "Errors".
"""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
from pathlib import Path
from typing import Mapping

import pytest

from hooks.timing import awaited
from integration.connector import PROGRAMS, RunningProcess, program_folder
from integration.site import Site
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator

CLIENTS = ("kube-watcher", "binder")  # of Kubernetes
pytestmark = pytest.mark.simulated_pbs("which PBS there is plays no part when the input is bad")

SERVERS = ("kube-watcher", "pbs-broker")  # of a socket


def run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run to the end, in an environment of its own."""
    return subprocess.run([str(program_folder() / program), *arguments], env={"PATH": "/usr/bin:/bin", **environment},
                          capture_output=True, text=True, timeout=10, check=False)


def check_one_line(result: subprocess.CompletedProcess[str], program: str, text: str, status: int = 1) -> None:
    """It has ended with this status, and has said why in one line."""
    assert result.returncode == status, result.stderr
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{program}: ")
    assert text in line


class Place:
    """A folder with all that the three programs need to start, each file of which a test may spoil."""

    def __init__(self, folder: Path, kubernetes: KubernetesSimulator, pbs: PBSSimulator, sockets: Path) -> None:
        self.folder, self.sockets, self.pbs_exec = folder, sockets, pbs.exec_dir
        self.kubeconfig = folder / "kubeconfig"
        kubernetes.write_kubeconfig(self.kubeconfig)
        self.config = folder / "config.yaml"
        self.config.write_text("")

    def socket(self, program: str) -> Path:
        return self.sockets / f"{program}.sock"

    def arguments(self, program: str) -> list[str]:
        own = {"kube-watcher": ["--kubeconfig", str(self.kubeconfig), "--socket", str(self.socket("kube-watcher"))],
               "pbs-broker": ["--watcher", str(self.socket("kube-watcher")), "--socket", str(self.socket("pbs-broker")),
                              "--pbs-exec", str(self.pbs_exec)],
               "binder": ["--kubeconfig", str(self.kubeconfig), "--broker", str(self.socket("pbs-broker"))]}
        return ["--config", str(self.config), *own[program]]

    def run(self, program: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return run(program, *self.arguments(program), *more, **environment)


@pytest.fixture
def place(tmp_path: Path, site: Site) -> Place:
    return Place(tmp_path, site.kubernetes, site.pbs, site.connector.socket("any").parent)


# The command line


@pytest.mark.parametrize("program", PROGRAMS)
def test_version_and_help_are_answers_not_errors(program: str) -> None:
    version = run(program, "--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.strip().replace(".", "").isdigit()
    text = run(program, "--help")
    assert (text.returncode, text.stderr) == (0, "")
    for flag in ("--config", "--log-level", "--instance", "--version", "--help"):
        assert flag in text.stdout


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(("arguments", "text"), [
    (["--bogus"], "Unknown option '--bogus'"),
    (["extra"], "Unexpected argument 'extra'"),
    (["--config"], "Missing value for '--config"),
])
def test_wrong_arguments_end_with_64(program: str, arguments: list[str], text: str) -> None:
    check_one_line(run(program, *arguments), program, text, status=64)


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_unknown_log_level_is_named(place: Place, program: str) -> None:
    check_one_line(place.run(program, "--log-level", "loud"), program, "log-level: loud is none of trace, debug, info")


# The configuration file


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(("text", "words"), [
    ("PROGRAM:\n  sokcet: /tmp/x\n", "CONFIG: PROGRAM.sokcet is not a known key"),
    ("colour: red\n", "CONFIG: colour is not a known key"),
    ("PROGRAM: [1, 2]\n", "CONFIG: PROGRAM must be a mapping"),
    ("PROGRAM:\n  instance: [a, b]\n", "CONFIG: PROGRAM.instance must be a text"),
    ("PROGRAM:\n  instance: a\n  instance: b\n", "CONFIG: PROGRAM.instance stands twice"),
    ("- a list\n", "CONFIG: the file must be a mapping"),
    ("PROGRAM: {\n", "CONFIG: line "),
    ("log-level: loud\n", "log-level: loud is none of"),
])
def test_a_wrong_configuration_is_named(place: Place, program: str, text: str, words: str) -> None:
    place.config.write_text(text.replace("PROGRAM", program))
    check_one_line(place.run(program), program, words.replace("PROGRAM", program).replace("CONFIG", str(place.config)))


@pytest.mark.parametrize(("program", "key", "value", "expected"), [
    ("kube-watcher", "watch-silence", "soon", "a number from 5 to 3600"),
    ("kube-watcher", "watch-silence", "1", "a number from 5 to 3600"),
    ("kube-watcher", "leader-elect", "maybe", "true or false"),
    ("kube-watcher", "scheduler-name", "{a: b}", "a text or a list of texts"),
    ("kube-watcher", "socket", "[a]", "a text"),
    ("pbs-broker", "submissions-in-flight", "1.5", "a whole number from 1 to 256"),
    ("pbs-broker", "submissions-in-flight", "0", "a whole number from 1 to 256"),
    ("pbs-broker", "bind-when", "later", "run or prerun"),
    ("pbs-broker", "hosts", "node1", "a mapping"),
    ("pbs-broker", "default-memory", "lots", "a quantity"),
    ("pbs-broker", "look-interval", "nan", "a number from 0.05 to 3600"),
    ("pbs-broker", "placeholder", "sleep", "a list: an absolute path and its arguments"),
    ("binder", "requests-in-flight", "many", "a whole number from 1 to 1000"),
    ("binder", "broker", "[[a]]", "a list of texts"),
])
def test_a_value_of_the_wrong_type_is_named(place: Place, program: str, key: str, value: str, expected: str) -> None:
    place.config.write_text(f"{program}:\n  {key}: {value}\n")
    check_one_line(place.run(program), program, f"{place.config}: {program}.{key} must be {expected}")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_configuration_file_that_was_named_must_exist(place: Place, program: str) -> None:
    place.config.unlink()
    check_one_line(place.run(program), program, f"{place.config}: No such file or directory")


@pytest.mark.parametrize("program", SERVERS)
def test_a_peer_that_does_not_exist_is_named(place: Place, program: str) -> None:
    place.config.write_text(f"{program}:\n  allowed-peers: [nobody, somebody-else]\n")
    check_one_line(place.run(program), program, f"{program}.allowed-peers: there is no user somebody-else")


# Kubernetes


@pytest.mark.parametrize("program", CLIENTS)
def test_no_kubeconfig_at_all(place: Place, program: str) -> None:
    arguments = place.arguments(program)
    position = arguments.index("--kubeconfig")
    del arguments[position:position + 2]
    check_one_line(run(program, *arguments, HOME=str(place.folder)), program,
                   "no Kubernetes connection: give --kubeconfig")
    check_one_line(run(program, *arguments, KUBECONFIG="/nowhere/a:/nowhere/b"), program,
                   "KUBECONFIG: /nowhere/a:/nowhere/b does not exist")


@pytest.mark.parametrize("program", CLIENTS)
def test_a_kubeconfig_that_is_not_there(place: Place, program: str) -> None:
    place.kubeconfig.unlink()
    check_one_line(place.run(program), program, f"kubeconfig: {place.kubeconfig}: No such file or directory")


@pytest.mark.parametrize("program", CLIENTS)
@pytest.mark.parametrize(("path", "value", "words"), [
    (["current-context"], "", "current-context is not set"),
    (["current-context"], "other", "contexts has no other, the current-context"),
    (["contexts", 0, "context", "cluster"], "other", "clusters has no other"),
    (["contexts", 0, "context", "user"], "other", "users has no other"),
    (["clusters", 0, "cluster", "server"], "ftp://example.com", "ftp://example.com is not an http or https URL"),
    (["clusters", 0, "cluster", "certificate-authority"], "/nowhere/ca.crt", "certificate-authority: /nowhere/ca.crt"),
    (["users", 0, "user"], {"tokenFile": "/nowhere/token"}, "tokenFile: /nowhere/token"),
    (["users", 0, "user"], {"exec": {"command": "/nowhere/plugin"}}, "exec.command: /nowhere/plugin is not a program"),
])
def test_a_kubeconfig_that_cannot_work_names_file_and_field(
        place: Place, program: str, path: list[str | int], value: object, words: str) -> None:
    kubeconfig = json.loads(place.kubeconfig.read_text())
    inner = kubeconfig
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    place.kubeconfig.write_text(json.dumps(kubeconfig))
    result = place.run(program)
    check_one_line(result, program, words)
    assert str(place.kubeconfig) in result.stderr


@pytest.mark.parametrize(("program", "more"), [
    ("kube-watcher", []), ("kube-watcher", ["--leader-elect"]), ("binder", [])])
def test_a_wrong_token_is_refused_for_good(place: Place, program: str, more: list[str]) -> None:
    with KubernetesSimulator(tokens={"right": "admin"}) as kubernetes:
        kubernetes.write_kubeconfig(place.kubeconfig, token="wrong")
        check_one_line(place.run(program, *more), program, f"{kubernetes.url} refuses the credential: 401")


def start(place: Place, program: str, environment: Mapping[str, str] | None = None) -> RunningProcess:
    return RunningProcess(program, [str(program_folder() / program), *place.arguments(program)],
                          {"PATH": "/usr/bin:/bin", **(environment or {})})


@pytest.mark.parametrize("program", CLIENTS)
def test_a_token_file_that_is_refused_may_be_renewed(place: Place, program: str) -> None:
    token = place.folder / "token"
    token.write_text("expired")
    with KubernetesSimulator(tokens={"right": ("admin", ("system:masters",))}) as kubernetes:
        kubernetes.write_kubeconfig(place.kubeconfig, token="any")
        kubeconfig = json.loads(place.kubeconfig.read_text())
        kubeconfig["users"][0]["user"] = {"tokenFile": str(token)}
        place.kubeconfig.write_text(json.dumps(kubeconfig))
        process = start(place, program)
        try:
            assert "401" in process.wait_for_log("trying again in")
            token.write_text("right")
            before = len(kubernetes.requests.entries)
            kubernetes.wait(lambda k: any(entry.status == 200 for entry in list(k.requests.entries)[before:]), 30)
            assert process.is_running
        finally:
            process.kill()


@pytest.mark.parametrize("program", CLIENTS)
def test_a_server_that_cannot_be_reached_is_tried_again(place: Place, program: str) -> None:
    with KubernetesSimulator() as kubernetes:
        kubernetes.write_kubeconfig(place.kubeconfig)
        kubernetes.stop()
        process = start(place, program)
        try:
            line = process.wait_for_log("trying again in")
            assert line.startswith(f"{program}: warning: {kubernetes.url}")
            kubernetes.start()
            kubernetes.wait(lambda k: any(entry.status == 200 for entry in k.requests.entries), 15)
            assert process.is_running
        finally:
            process.kill()


# PBS


def test_no_pbs_commands(place: Place) -> None:
    arguments = place.arguments("pbs-broker")
    position = arguments.index("--pbs-exec")
    del arguments[position:position + 2]
    nowhere = {"PATH": "/nowhere", "PBS_CONF_FILE": "/nowhere/pbs.conf"}
    check_one_line(run("pbs-broker", *arguments, **nowhere), "pbs-broker",
                   "no PBS commands: give --pbs-exec, or set PBS_EXEC")
    check_one_line(run("pbs-broker", *arguments, PBS_EXEC="/nowhere"), "pbs-broker",
                   "no PBS commands: /nowhere/bin/qsub is not a program (PBS_EXEC)")
    conf = place.folder / "pbs.conf"
    conf.write_text("PBS_SERVER=pbsserver\nPBS_EXEC=/nowhere/else\n")
    check_one_line(run("pbs-broker", *arguments, PBS_CONF_FILE=str(conf)), "pbs-broker",
                   f"no PBS commands: /nowhere/else/bin/qsub is not a program ({conf})")
    check_one_line(run("pbs-broker", *arguments, "--pbs-exec", str(place.folder)), "pbs-broker",
                   f"no PBS commands: {place.folder}/bin/qsub is not a program (--pbs-exec)")


def test_a_pbs_that_does_not_answer_is_tried_again(place: Place, site: Site) -> None:
    site.pbs.stop()
    process = start(place, "pbs-broker")
    try:
        assert process.wait_for_log("PBS does not answer").endswith("trying again until it does")
        site.pbs.start()
        process.wait_for_log("PBS answers again")
    finally:
        process.kill()


# Sockets


@pytest.mark.parametrize("program", SERVERS)
def test_a_socket_path_that_is_a_file_is_left_alone(place: Place, program: str) -> None:
    path = place.socket(program)
    path.write_text("precious")
    check_one_line(place.run(program), program, f"{path} exists and is not a socket")
    assert path.read_text() == "precious"


def test_a_hint_socket_path_that_is_a_file_is_left_alone(place: Place) -> None:
    path = place.sockets / "pbs-broker-hints.sock"
    path.write_text("precious")
    check_one_line(place.run("pbs-broker"), "pbs-broker", f"{path} exists and is not a socket")
    assert path.read_text() == "precious"


@pytest.mark.parametrize("program", SERVERS)
@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_socket_in_use_is_left_alone(place: Place, site: Site, program: str, is_stopped: bool) -> None:
    first = start(place, program)
    try:
        await_socket(place.socket(program))
        if is_stopped:
            first.signal(signal.SIGSTOP)
        check_one_line(place.run(program), program, f"{place.socket(program)} is in use by a live process")
        first.signal(signal.SIGCONT)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            connection.connect(str(place.socket(program)))
            assert b'"hello"' in connection.recv(4096)
    finally:
        first.kill()


@pytest.mark.parametrize("program", SERVERS)
def test_a_stale_socket_is_replaced(place: Place, program: str) -> None:
    path = place.socket(program)
    dead = start(place, program)
    await_socket(path)
    dead.kill()
    before = path.stat().st_ino, path.stat().st_ctime_ns
    process = start(place, program)
    try:
        # A command that the killed broker was just starting holds the old socket for a moment more.
        awaited(lambda: path.exists() and (path.stat().st_ino, path.stat().st_ctime_ns) != before)
        await_socket(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    finally:
        process.kill()


@pytest.mark.parametrize("program", SERVERS)
def test_a_socket_path_that_cannot_be(place: Place, program: str) -> None:
    for path, words in ((f"/tmp/{'x' * 120}.sock", "is too long for a socket path"),
                        ("/nowhere/at-all.sock", "cannot listen on /nowhere/at-all.sock: No such file or directory")):
        check_one_line(place.run(program, "--socket", path), program, words)


@pytest.mark.parametrize(("program", "server"), [("pbs-broker", "kube-watcher"), ("binder", "pbs-broker")])
def test_a_socket_on_which_nobody_listens_yet_is_tried_again(place: Place, program: str, server: str) -> None:
    client = start(place, program)
    try:
        line = client.wait_for_log("trying again until it works")
        assert line == (f"{program}: warning: cannot connect to {place.socket(server)}: No such file or directory; "
                        "trying again until it works")
        other = start(place, server)
        try:
            client.wait_for_log(f"{place.socket(server)}: connected")
        finally:
            other.kill()
    finally:
        client.kill()


def await_socket(path: Path) -> None:
    """Wait until somebody listens there."""
    def listens() -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            return connection.connect_ex(str(path)) == 0

    awaited(listens)
