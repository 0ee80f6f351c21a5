"""pbs-connector-setup against a real API server: rights, credentials that work, renewal; and PBS's side with commands that
say what PBS's say."""

from __future__ import annotations

import base64
import getpass
import json
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest

from integration.connector import REPOSITORY, RunningProcess, program_folder
from real.kubernetes import RealKubernetes
from real.kubernetes_client import KubernetesError

SETUP = REPOSITORY / "deploy" / "setup" / "pbs-connector-setup"
ACCOUNTS = ("kube-watcher", "binder")


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKubernetes]:
    reason = RealKubernetes.missing() or (None if shutil.which("kubectl") else "no kubectl in PATH (Debian: kubernetes-client)")
    if reason:
        pytest.skip(f"no real Kubernetes here: {reason}")
    with RealKubernetes(tmp_path_factory.mktemp("kubernetes")) as server:
        yield server


@pytest.fixture
def server(shared_server: RealKubernetes, tmp_path: Path) -> Iterator[RealKubernetes]:
    """The server with none of our rights at first: what a test has applied is deleted at its end."""
    shared_server.write_kubeconfig(tmp_path / "admin.kubeconfig")
    yield shared_server
    for where in ("clusterroles", "clusterrolebindings", *(f"namespaces/{namespace}/{kind}" for namespace in ("kube-system", "pbs-connector")
                                                           for kind in ("roles", "rolebindings"))):
        path = f"/apis/rbac.authorization.k8s.io/v1/{where}"
        for each in shared_server.client.json("GET", path)["items"]:
            if each["metadata"]["name"].startswith("pbs-connector"):
                shared_server.client.json("DELETE", f"{path}/{each['metadata']['name']}")


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program with this test's folders, as this test's user."""
    users = [f"--user={process}={getpass.getuser()}" for process in (*ACCOUNTS, "pbs-broker")]
    return subprocess.run([SETUP, "--admin-kubeconfig", folder / "admin.kubeconfig", "--configuration", folder / "etc",
                           "--state", folder / "state", *users, *arguments], capture_output=True, text=True, timeout=300,
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment})


def done(folder: Path, *arguments: str, **environment: str) -> str:
    result = run(folder, *arguments, **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def roles(server: RealKubernetes) -> set[str]:
    return {each["metadata"]["name"] for each in server.client.json("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles")["items"]
            if each["metadata"]["name"].startswith("pbs-connector")}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.real_api
def test_a_dry_run_shows_all_and_changes_nothing(server: RealKubernetes, tmp_path: Path) -> None:
    said = done(tmp_path, "--dry-run", "rights", "credentials")
    assert "rights: would run: kubectl --kubeconfig" in said and "apply -f" in said
    for account in ACCOUNTS:
        assert f"credentials: {tmp_path}/etc/{account}.kubeconfig is missing" in said
    assert roles(server) == set() and not (tmp_path / "etc").exists() and not (tmp_path / "state").exists()


@pytest.mark.real_api
def test_rights_and_credentials_are_made_and_work_and_stay(server: RealKubernetes, tmp_path: Path) -> None:
    first = done(tmp_path, "rights", "credentials")
    assert f"the API server is {server.url}, as the administrator's kubeconfig has it" in first
    assert roles(server) == {"pbs-connector-kube-watcher", "pbs-connector-binder"}
    for account in ACCOUNTS:
        assert f"wrote {tmp_path}/etc/{account}.kubeconfig for user {getpass.getuser()} alone; it works" in first
        assert mode(tmp_path / "etc" / f"{account}.kubeconfig") == 0o400
        assert mode(tmp_path / "state" / account / "token") == 0o400 and mode(tmp_path / "state" / account) == 0o700
    tokens = {account: (tmp_path / "state" / account / "token").read_text() for account in ACCOUNTS}
    again = done(tmp_path, "rights", "credentials")
    assert "rbac.yaml: all 11 objects are there" in again and again.count("works as") == 2
    assert tokens == {account: (tmp_path / "state" / account / "token").read_text() for account in ACCOUNTS}
    replaced = done(tmp_path, "credentials", "--replace", "--account", "binder")
    assert "binder.kubeconfig is to be replaced" in replaced and "kube-watcher.kubeconfig" not in replaced
    assert (tmp_path / "state/binder/token").read_text() != tokens["binder"]


@pytest.mark.real_api
def test_kube_watcher_works_with_what_was_written(server: RealKubernetes, tmp_path: Path) -> None:
    done(tmp_path, "rights", "credentials")
    (tmp_path / "config.yaml").write_text("")
    watcher = RunningProcess("kube-watcher", [str(program_folder() / "kube-watcher"), "--config", str(tmp_path / "config.yaml"),
                                              "--kubeconfig", str(tmp_path / "etc/kube-watcher.kubeconfig"),
                                              "--socket", str(tmp_path / "s.sock")], dict(os.environ))
    try:
        watcher.wait_for_log("watches the cluster", 30)
    finally:
        assert watcher.stop() == 0


@pytest.mark.real_api
def test_a_kubeconfig_that_does_not_work_is_replaced_and_kept(server: RealKubernetes, tmp_path: Path) -> None:
    done(tmp_path, "rights", "credentials")
    (tmp_path / "state/binder/token").unlink()
    (tmp_path / "etc/binder.kubeconfig").chmod(0o644)
    said = done(tmp_path, "credentials")
    assert "binder.kubeconfig has mode 0644: others may read it" in said and "wrote" in said
    assert mode(tmp_path / "etc/binder.kubeconfig") == 0o400 and mode(tmp_path / "etc/binder.kubeconfig.old") == 0o400


@pytest.mark.real_api
def test_a_right_that_was_taken_away_is_given_again(server: RealKubernetes, tmp_path: Path) -> None:
    done(tmp_path, "rights")
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/pbs-connector-binder"
    role = server.client.json("GET", path)
    rules = role["rules"]
    server.client.json("PUT", path, {**role, "rules": rules[1:]})
    assert "rbac.yaml: objects differ" in done(tmp_path, "rights")
    assert server.client.json("GET", path)["rules"] == rules


@pytest.mark.real_api
def test_a_token_is_renewed_by_its_own_right(server: RealKubernetes, tmp_path: Path) -> None:
    done(tmp_path, "rights", "credentials", "--hours", "2")
    tokens = {account: (tmp_path / "state" / account / "token").read_text() for account in ACCOUNTS}
    refused = run(tmp_path, "renew", "--now")
    assert refused.returncode == 1 and refused.stderr.count("Error from server (Forbidden)") == 2, refused.stderr
    said = done(tmp_path, "renewal")
    assert "renewal.yaml: 0 of 4 objects are there" in said
    assert "lasts 2.0 h: not renewed yet" in done(tmp_path, "renew")
    assert "is renewed: it lasts 2.0 h" in done(tmp_path, "renew", "--now")
    for account in ACCOUNTS:
        assert (tmp_path / "state" / account / "token").read_text() != tokens[account]
        assert mode(tmp_path / "state" / account / "token") == 0o400
    assert done(tmp_path, "credentials").count("works as") == 2


@pytest.mark.real_api
def test_an_account_renews_no_token_but_its_own(server: RealKubernetes, tmp_path: Path) -> None:
    done(tmp_path, "rights", "credentials", "renewal")
    kubeconfig = tmp_path / "etc/binder.kubeconfig"
    body = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    path = "/api/v1/namespaces/pbs-connector/serviceaccounts/{}/token"
    statuses = [subprocess.run(["kubectl", "--kubeconfig", kubeconfig, "create", "--raw", path.format(account), "-f", "-"],
                               input=body, capture_output=True, text=True, timeout=60).returncode for account in ("binder", "kube-watcher")]
    assert statuses == [0, 1]


def test_a_token_that_has_ended_is_said(tmp_path: Path) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"iat": 1, "exp": 2}).encode()).decode().rstrip("=")
    for account in ACCOUNTS:
        (tmp_path / "state" / account).mkdir(parents=True)
        (tmp_path / "state" / account / "token").write_text(f"e30.{claims}.x")
    result = run(tmp_path, "renew")
    assert result.returncode == 1 and result.stderr.count(": the token has ended: pbs-connector-setup credentials") == 2


class Signer:
    """The controller that signs client certificates: here with the authority of the test's cluster."""

    def __init__(self, server: RealKubernetes) -> None:
        self.server = server
        self.end = threading.Event()
        self.requests: list[Any] = []
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> Signer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end.set()
        self.thread.join()

    def _run(self) -> None:
        path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
        client = self.server.client_of("admin")
        while not self.end.wait(0.2):
            for item in client.json("GET", path)["items"]:
                approved = any(each["type"] == "Approved" for each in item.get("status", {}).get("conditions", []))
                if approved and not item["status"].get("certificate"):
                    self.requests.append(item)
                    item["status"]["certificate"] = base64.b64encode(self._signed(item["spec"]["request"])).decode()
                    try:
                        client.json("PUT", f"{path}/{item['metadata']['name']}/status", item)
                    except KubernetesError as error:
                        assert error.status in (404, 409), error

    def _signed(self, request: str) -> bytes:
        return subprocess.run(["openssl", "x509", "-req", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "40"],
                              cwd=self.server.directory, input=base64.b64decode(request), capture_output=True, check=True, timeout=60).stdout


@pytest.mark.real_api
def test_client_certificates_are_made_by_the_cluster(server: RealKubernetes, tmp_path: Path) -> None:
    with Signer(server) as signer:
        said = done(tmp_path, "rights", "credentials", "--credential", "certificate")
    assert said.count("it works") == 2
    assert {each["spec"]["signerName"] for each in signer.requests} == {"kubernetes.io/kube-apiserver-client"}
    for account in ACCOUNTS:
        assert mode(tmp_path / "state" / account / "client.key") == 0o400
        assert "client.crt lasts until" in done(tmp_path, "renew", "--account", account)
    left = server.client.json("GET", "/apis/certificates.k8s.io/v1/certificatesigningrequests")["items"]
    assert left == []


# PBS's side


HOSTS = {"nodes": {"node1": {"Mom": "node1.example.org"}, "node2": {"Mom": "node2.example.org"}}}


@pytest.fixture
def pbs(tmp_path: Path) -> Path:
    """A PBS_EXEC whose commands answer from files, and an `ssh` for its hosts."""
    folder = tmp_path / "pbs"
    (folder / "bin").mkdir(parents=True)
    (folder / "hosts.json").write_text(json.dumps(HOSTS))
    (folder / "history").write_text("    job_history_enable = False\n")
    commands = {
        "qstat": "echo Server",
        "pbsnodes": f"cat {folder}/hosts.json",
        "qmgr": f'case "$2" in list*) cat {folder}/history;; *) echo "$2" >> {folder}/set;; esac',
        "remote": f'test -e "{folder}/on-$1" || {{ echo "id: no such user" >&2; exit 1; }}; cat "{folder}/on-$1"',
    }
    for name, text in commands.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / "bin" / name).chmod(0o755)
    (folder / "on-node1.example.org").write_text(f"{os.getuid()}\n")
    return folder


def pbs_step(folder: Path, pbs: Path, *arguments: str, user: str | None = None) -> subprocess.CompletedProcess[str]:
    users = [f"--user=pbs-broker={user}"] if user else []
    return run(folder, "pbs", "--remote", f"{pbs}/bin/remote {{host}}", *users, *arguments, PBS_EXEC=str(pbs))


def ordinary() -> str:
    """An ordinary user of this machine, as whom root can run a command."""
    return "nobody" if os.getuid() == 0 else getpass.getuser()


def number(user: str) -> int:
    return int(subprocess.check_output(["id", "-u", user], text=True))


@pytest.fixture
def reachable(pbs: Path) -> Iterator[Path]:
    """The commands where the ordinary user finds them: pytest's folders are for their owner alone."""
    copy = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    copy.chmod(0o755)
    for each in pbs.rglob("*"):
        if each.is_file():
            target = copy / each.relative_to(pbs)
            target.parent.mkdir(exist_ok=True)
            target.write_text(each.read_text().replace(str(pbs), str(copy)))
            target.chmod(0o755)
    (copy / "on-node1.example.org").write_text(f"{number(ordinary())}\n")
    yield copy
    shutil.rmtree(copy)


def test_hosts_without_the_user_are_named(reachable: Path, tmp_path: Path) -> None:
    result = pbs_step(tmp_path, reachable, user=ordinary())
    assert result.returncode == 1
    assert f"pbs: user {ordinary()} is on 1 of 2 execution hosts: node1.example.org" in result.stdout
    assert f"pbs: failed: node2.example.org: no user {ordinary()}" in result.stderr
    assert (reachable / "set").read_text() == "set server job_history_enable = True\n"


def test_another_number_of_the_user_is_told(reachable: Path, tmp_path: Path) -> None:
    (reachable / "on-node2.example.org").write_text("4242\n")
    result = pbs_step(tmp_path, reachable, "--dry-run", user=ordinary())
    assert f"node2.example.org: user {ordinary()} is number 4242 there and {number(ordinary())} here" in result.stderr
    assert "would run:" in result.stdout and not (reachable / "set").exists()


def test_further_owners_of_jobs_are_looked_for_as_well(reachable: Path, tmp_path: Path) -> None:
    result = pbs_step(tmp_path, reachable, "--dry-run", "--job-user", "daemon", user=ordinary())
    assert f"node1.example.org: user daemon is number {number(ordinary())} there and {number('daemon')} here" in result.stderr
    assert f"user {ordinary()} is on 1 of 2 execution hosts" in result.stdout


def test_root_is_no_user_of_the_broker(pbs: Path, tmp_path: Path) -> None:
    result = pbs_step(tmp_path, pbs, user="root")
    assert result.returncode == 1 and "PBS refuses" in result.stderr


def test_hooks_are_imported_by_their_installer(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    installer = tmp_path / "bin" / "pbs-connector-hooks"
    installer.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\necho installed hooks a and b\n')
    installer.chmod(0o755)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/pbs_kubernetes.CF").write_text((REPOSITORY / "hooks/pbs_kubernetes.CF").read_text())
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    refused = run(tmp_path, "hooks", "--user=pbs-broker=alice", PATH=path)
    assert refused.returncode == 1 and "not pbs-broker's user alice" in refused.stderr
    assert not (tmp_path / "called").exists()
    assert "installed hooks a and b" in done(tmp_path, "hooks", "--user=pbs-broker=pbs-broker", PATH=path)
    done(tmp_path, "hooks", "--dry-run", "--user=pbs-broker=pbs-broker", PATH=path)
    calls = (tmp_path / "called").read_text().splitlines()
    assert [call.endswith("--dry-run") for call in calls] == [True, False, True]


@pytest.mark.parametrize("name, looked_for", [("elsewhere", False), (socket.gethostname(), True), (f"{socket.gethostname()}.example.org", True)])
def test_the_folders_of_the_hooks_are_looked_for_on_execution_hosts_alone(name: str, looked_for: bool, pbs: Path, tmp_path: Path) -> None:
    """The server's host need not be one: then it has no folder of kubelet."""
    (pbs / "hosts.json").write_text(json.dumps({"nodes": {"n1": {"Mom": name}}}))
    installer = pbs / "bin" / "pbs-connector-hooks"
    installer.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\necho installed\n')
    installer.chmod(0o755)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/pbs_kubernetes.CF").write_text((REPOSITORY / "hooks/pbs_kubernetes.CF").read_text())
    done(tmp_path, "hooks", "--user=pbs-broker=pbs-broker", PBS_EXEC=str(pbs), PATH=f"{pbs}/bin:{os.environ['PATH']}")
    calls = (tmp_path / "called").read_text().splitlines()
    assert len(calls) == 2 and all(("--remote-directories" in call) != looked_for for call in calls)


def test_a_host_that_cannot_be_asked_is_not_said_to_lack_the_user(reachable: Path, tmp_path: Path) -> None:
    """What asks it may end with 1 as `id` does."""
    (reachable / "bin/remote").write_text("#!/bin/sh\necho no way to that host >&2\nexit 1\n")
    result = pbs_step(tmp_path, reachable, "--dry-run", user=ordinary())
    assert f"node1.example.org: user {ordinary()} was not found, or nobody could look: no way to that host" in result.stderr


def test_an_unknown_step_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path, "rigths")
    assert result.returncode == 2 and "no step rigths; there are: rights," in result.stderr
