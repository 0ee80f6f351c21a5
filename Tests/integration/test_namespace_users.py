"""Jobs of different namespaces are those of different users of PBS, with the rights that this takes and without."""

from __future__ import annotations

import os
import pwd
import re
import select
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Iterator

import pytest

from hooks.timing import awaited
from integration.conftest import BRISK
from integration.connector import PROGRAMS, Connector, program_folder
from integration.hooked_server import HookedSimulator, write_keys
from integration.site import Site, pod_manifest
from simulators.kubernetes import Kubelet, KubernetesSimulator
from simulators.pbs import PBSSimulator

# Users of every Debian, whose ids need another least-uid.
OWN, ALICE, BOB = "daemon", "games", "man"
MAPPED = f"  least-uid: 1\n  namespaces: {{physics: {{user: {ALICE}}}, chem-*: {{user: {BOB}}}, default: {{}}}}\n"
# What a service unit gives for it: ambient capabilities, which commands would inherit.
RIGHTS = {"libpbs": "setuid,+setgid", "commands": "setuid,+setgid,+kill"}

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can start a broker that may become others")


class UsersSite:
    """A site whose broker may be any user, where PBS's server verifies proofs."""

    def __init__(self, folder: Path, backend: str, mapping: str = MAPPED) -> None:
        self.folder, self.backend = folder, backend
        self.pbs = PBSSimulator(folder / "pbs", {"node1": {"ncpus": 16, "mem": "8gb"}}, libpbs=backend == "libpbs")
        self.pbs.start()
        self.hook = HookedSimulator(self.pbs, folder)
        self.kubernetes = KubernetesSimulator(kubelet=Kubelet())
        self.kubernetes.start()
        self.kubernetes.create_node("node1")
        for namespace in ("physics", "chem-a", "chem-b"):
            self.kubernetes.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        kubeconfig = folder / "kubeconfig"
        self.kubernetes.write_kubeconfig(kubeconfig)
        self.keys = folder / "proof-keys"
        write_keys(self.keys, *self.hook.key_file.read_text().split())
        self.connector = Connector(folder, {"kube-watcher": kubeconfig, "binder": kubeconfig}, self.pbs.exec_dir)
        self.configure(mapping)
        self.site = Site(self.kubernetes, self.pbs, self.connector)

    def configure(self, mapping: str, proof: str = "required") -> None:
        settings = f"  pbs-backend: {self.backend}\n  proof: {proof}\n  proof-keys: {self.keys}\n  proof-host: {self.hook.host}\n"
        (self.folder / "config.yaml").write_text(BRISK + settings + mapping)

    def start(self, capabilities: str | None = None) -> None:
        """All three, the broker as root or, with `capabilities` or "", as an ordinary user with these alone."""
        if capabilities is not None:
            entry = pwd.getpwnam(OWN)
            os.chown(self.keys, entry.pw_uid, -1)
            self.connector.broker_user = OWN
            sockets = self.connector.socket("any").parent
            os.chown(sockets, entry.pw_uid, entry.pw_gid)
            sockets.chmod(0o2777)
            kept = [f"--inh-caps=-all,+{capabilities}", f"--ambient-caps=-all,+{capabilities}"] if capabilities else ["--inh-caps=-all"]
            self.connector.wrappers["pbs-broker"] = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}",
                                                     "--clear-groups", *kept]
        self.connector.start()

    @property
    def broker(self) -> Any:
        return self.connector["pbs-broker"]

    def create(self, name: str, namespace: str) -> str:
        """The UID of a new pod."""
        return str(self.kubernetes.create_pod(pod_manifest(name, namespace=namespace))["metadata"]["uid"])

    def bound(self, name: str, namespace: str) -> None:
        self.site.wait(lambda _: ((self.kubernetes.pod(namespace, name) or {}).get("spec") or {}).get("nodeName"), 30)

    def owners(self) -> dict[str, str]:
        """By pod UID the owners of live jobs."""
        with self.pbs.lock:
            return {str(job.pod_uid): job.owner for job in self.pbs.jobs.values() if job.live}

    def calls(self, program: str) -> list[str]:
        """Who has called a command or its counterpart of the library."""
        return [call.user for call in self.pbs.calls() if call.program == program]

    def close(self) -> None:
        print(self.connector.logs())
        self.connector.close()
        self.kubernetes.stop()
        self.pbs.stop()


@pytest.fixture(params=["libpbs", "commands"])
def users(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[UsersSite]:
    # pytest's own folders are for who runs it alone.
    with tempfile.TemporaryDirectory(prefix="pbs-connector.") as name:
        folder = Path(name)
        folder.chmod(0o755)
        # The programs may lie where only root can reach them.
        programs = folder / "programs"
        programs.mkdir()
        for program in PROGRAMS:
            shutil.copy(program_folder() / program, programs / program)
        monkeypatch.setenv("PBS_CONNECTOR_BIN", str(programs))
        site = UsersSite(folder, request.param)
        try:
            yield site
        finally:
            site.close()


@pytest.mark.parametrize("as_root", [True, False], ids=["root", "capabilities"])
def test_jobs_run_as_the_users_of_their_namespaces(users: UsersSite, as_root: bool) -> None:
    users.start(None if as_root else RIGHTS[users.backend])
    users.broker.wait_for_log(f"submits as PBS users {ALICE}, {BOB}, each by processes of its own")
    own = "root" if as_root else OWN
    wanted = {"physics": ALICE, "chem-a": BOB, "chem-b": BOB, "default": own}
    expected = {users.create(f"in-{namespace}", namespace): user for namespace, user in wanted.items()}
    for namespace in wanted:
        users.bound(f"in-{namespace}", namespace)
    assert users.owners() == expected
    # All jobs are looked at as one user, and each is deleted as its own.
    looks = users.calls("qselect") + users.calls("qstat")
    assert looks and set(looks) == {own}
    for namespace in wanted:
        users.kubernetes.delete_pod(namespace, f"in-{namespace}")
    users.pbs.wait(lambda _: not users.owners(), 30, "no live job")
    assert sorted(users.calls("qdel")) == sorted(wanted.values())


def test_a_broker_that_starts_finds_all_users_jobs_and_ends_orphans(users: UsersSite) -> None:
    users.pbs.set_ncpus("node1", 2)
    users.start()
    uids = [users.create(name, "physics") for name in ("runs", "waits", "goes")]
    users.pbs.wait(lambda _: set(users.owners()) == set(uids), 30, "three jobs")
    users.broker.kill()
    users.kubernetes.delete_pod("physics", "goes")
    users.connector.start_process("pbs-broker")
    users.pbs.wait(lambda _: set(users.owners()) == set(uids[:2]), 30, "the orphan's end")
    users.pbs.set_ncpus("node1", 16)
    for name in ("runs", "waits"):
        users.bound(name, "physics")
    assert len(users.pbs.jobs) == 3


def test_a_waiting_job_is_altered_as_its_owner(users: UsersSite) -> None:
    users.pbs.set_scheduling(False)
    users.start()
    uid = users.create("edited", "physics")
    users.pbs.wait(lambda _: uid in users.owners(), 30, "the job")
    patch = {"metadata": {"annotations": {"pbs-connector/walltime": "600"}}}
    users.kubernetes.request("PATCH", "/api/v1/namespaces/physics/pods/edited", patch, "application/merge-patch+json")
    awaited(lambda: [job.request.listed.get("walltime") for job in users.pbs.jobs.values()] == ["00:10:00"], 30)
    assert users.calls("qalter") == [ALICE]
    assert users.owners() == {uid: ALICE}


def test_a_namespace_that_gets_another_user_keeps_its_jobs(users: UsersSite) -> None:
    users.start()
    before = users.create("before", "physics")
    users.bound("before", "physics")
    users.broker.kill()
    users.configure(f"  least-uid: 1\n  user: {BOB}\n")
    users.connector.start_process("pbs-broker")
    after = users.create("after", "physics")
    users.bound("after", "physics")
    assert users.owners() == {before: ALICE, after: BOB}
    users.kubernetes.delete_pod("physics", "before")
    users.pbs.wait(lambda _: set(users.owners()) == {after}, 30, "the end of the older job")
    assert len(users.pbs.jobs) == 2


def test_without_the_right_pods_of_other_users_are_refused_with_that_word(users: UsersSite) -> None:
    users.start("")
    missing = "it is not root and has no CAP_SETUID, CAP_SETGID" + ("" if users.backend == "libpbs" else ", CAP_KILL")
    users.broker.wait_for_log(f"cannot serve namespaces, whose pods are refused: chem-* (user {BOB}), physics (user {ALICE}), "
                              f"since {missing}")
    users.create("refused", "physics")
    users.create("served", "default")
    users.bound("served", "default")

    def words(_: Any) -> bool:
        pod = users.kubernetes.pod("physics", "refused") or {}
        return any(f"PBS user {ALICE}'s (pbs-broker.namespaces.physics.user), which pbs-broker cannot be: {missing}" in
                   condition.get("message", "") for condition in pod["status"].get("conditions") or [])

    users.site.wait(words, 30)
    assert set(users.owners().values()) == {OWN}


def test_without_proof_there_is_one_user_even_for_root(users: UsersSite) -> None:
    users.configure(MAPPED, proof="owner")
    users.start()
    users.broker.wait_for_log(f"physics (user {ALICE}), since all jobs are one user's with proof: owner")
    users.create("refused", "physics")
    users.create("served", "default")
    users.bound("served", "default")
    assert set(users.owners().values()) == {"root"}


@pytest.mark.parametrize(("mapping", "words"), [
    ("  user: root\n", "config.yaml: pbs-broker.user: jobs of pods are never root's"),
    (f"  namespaces: {{a: {{user: {ALICE}}}}}\n", f"config.yaml: pbs-broker.namespaces.a.user: the id of user {ALICE}, 5, is below"),
])
def test_who_may_have_no_jobs_is_refused_at_the_start(users: UsersSite, mapping: str, words: str) -> None:
    users.configure(mapping)
    broker = users.connector.start_process("pbs-broker")
    assert broker.wait() == 1
    assert words in broker.log()


def descendants(pid: int) -> dict[int, int]:
    """The processes below this one, with their user ids."""
    found: dict[int, int] = {}
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    for child in map(int, children):
        try:
            found[child] = Path(f"/proc/{child}").stat().st_uid
            status = Path(f"/proc/{child}/status").read_text()
            found[child] = int(status.split("Uid:")[1].split()[0])
        except OSError:
            continue
    return found


def test_helpers_of_other_users_die_with_a_broker_that_may_not_kill_them(users: UsersSite) -> None:
    if users.backend == "commands":
        pytest.skip("commands need CAP_KILL")
    users.start(RIGHTS["libpbs"])
    users.create("one", "physics")
    users.bound("one", "physics")
    alice = pwd.getpwnam(ALICE).pw_uid
    helpers = [pid for pid, uid in descendants(users.broker.pid).items() if uid == alice]
    assert len(helpers) == 1
    # Neither has it any capability, nor our own user's, which looks.
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in descendants(users.broker.pid)]
    assert len(statuses) == 2
    for status in statuses:
        assert {line.split()[1] for line in status.splitlines() if re.match("Cap(Inh|Prm|Eff|Amb):", line)} == {"0" * 16}
    ended = os.pidfd_open(helpers[0])
    # In the middle of a submission.
    users.pbs.faults.hang("qsub")
    users.create("two", "physics")
    awaited(lambda: len(users.calls("qsub")) == 2, 30)
    users.broker.kill()
    assert select.select([ended], [], [], 30)[0] == [ended]
    os.close(ended)


def test_a_helper_ends_with_its_socket_whatever_it_does(users: UsersSite) -> None:
    """Nobody sends it a signal: not its parent's end, which is this process."""
    if users.backend == "commands":
        pytest.skip("commands need CAP_KILL")
    users.pbs.faults.hang("qstat")
    ours, theirs = socket.socketpair()
    line = [program_folder() / "pbs-broker", "libpbs-helper", users.pbs.exec_dir / "lib" / "libpbs.so", ALICE, "1"]
    helper = subprocess.Popen(line, stdin=theirs, env={"PATH": "/usr/bin:/bin"})
    theirs.close()
    # The request of what PBS says of its server (HelperRequest+Flat.swift).
    request = b"\x0b\n"
    ours.sendall(b"%d %s" % (len(request), request))
    awaited(lambda: users.calls("qstat"), 30)
    assert helper.poll() is None
    ours.close()
    assert helper.wait(30) == 0
