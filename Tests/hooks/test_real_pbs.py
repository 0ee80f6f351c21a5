"""The hooks on a real PBS whose execution hosts share this machine's file system.

PBS_CONNECTOR_LAB names a directory whose `lab` runs commands on the server's host, for a PBS
in network namespaces of this machine. Everywhere else these tests are skipped, with the reason.
"""
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest

from hooks.cgroup_tree import PodCgroup
from hooks.execution_host import HOOKS, POD_UID, ExecutionHost, native_job
from hooks.proof import CLUSTER, token
from hooks.test_server_hook import Broker
from hooks.timing import awaited
from real.pbs import PBSError, RealPBS

pytestmark = pytest.mark.real_pbs

# How often exechost_periodic fires in these tests; PBS's least is 1. Seconds.
PERIOD = 2
# From a change of hooks on the server to its arrival on all hosts. Seconds.
ARRIVAL = 60


class Site:
    """A real PBS with the hooks installed, and a made-up Kubernetes side for each of its hosts."""

    def __init__(self, directory: Path, pbs: RealPBS) -> None:
        self.pbs = pbs
        self.directory = directory
        self.hosts = {name: ExecutionHost(directory / name, name) for name in sorted(pbs.hosts())[:2]}
        self.socket = directory / "hints.sock"
        self.user = pbs.submitter

    def install(self, *arguments: str, **settings: Any) -> None:
        """Run hooks/install with these settings, and wait until each host has them."""
        overrides = {name: dict(host.settings) for name, host in self.hosts.items()}
        values = dict({"users": [self.user], "key_file": str(self.directory / "keys"), "kubelet_config": "",
                       "kubeconfig": "", "hint_socket": str(self.socket), "hosts": overrides}, **settings)
        configuration = self.directory / "site.CF"
        configuration.write_text(json.dumps(values))
        environment = dict(os.environ, PATH="%s:%s" % (self.pbs.exec_dir / "bin", os.environ["PATH"]))
        subprocess.run([sys.executable, str(HOOKS / "install"), "--config", str(configuration)] + list(arguments),
                       env=environment, check=True, stdout=subprocess.PIPE)

    def wait_for_hosts(self) -> None:
        """Wait until the hook runs on every host: it then removes what belongs to no job there."""
        for host in self.hosts.values():
            host.run("EXECJOB_BEGIN", native_job(
                "0.nowhere", exec_vnode="(%s:ncpus=1)" % host.name, exec_host2=host.name + ":15002/0"))
            assert list(host.requests()) == ["0.nowhere"]
        for host in self.hosts.values():
            awaited(lambda: "0.nowhere" not in host.requests(), ARRIVAL)

    def submit_pods_job(self, host: str, uid: str = POD_UID, *options: str) -> str:
        """Submit a pod's job that runs on that host; its id."""
        return self.pbs.submit(*options, select="1:ncpus=1:mem=10mb:host=" + host, variables={
            "KUBERNETES_POD_UID": uid, "KUBERNETES_POD_NAME": "redis", "KUBERNETES_POD_NAMESPACE": "default"})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A PBS with the hooks; they are removed at the end."""
    reason = RealPBS.missing()
    if reason is None and os.geteuid() != 0:
        reason = "only root may install hooks"
    if reason is not None:
        pytest.skip("hooks on a real PBS: " + reason)
    with RealPBS(tmp_path_factory.mktemp("commands")) as pbs:
        here = socket.gethostname().split(".")[0]
        if not os.environ.get("PBS_CONNECTOR_LAB") and set(pbs.hosts()) != {here}:
            pytest.skip("hooks on a real PBS: its execution hosts are other machines")
        if "Hook pbs_kubernetes" in pbs.run("qmgr", "-c", "list hook"):
            pytest.skip("hooks on a real PBS: this site has them installed, and they are not a test's to change")
        made = Site(tmp_path_factory.mktemp("site"), pbs)
        made.install()
        try:
            for setting in ("enabled = false", "freq = %d" % PERIOD, "enabled = true"):
                pbs.run("qmgr", "-c", "set hook pbs_kubernetes " + setting)
            made.wait_for_hosts()
            yield made
        finally:
            pbs.close()
            made.install("--remove")
            assert "Hook pbs_kubernetes" not in pbs.run("qmgr", "-c", "list hook")


def hostname(site: Site) -> str:
    """The first host's name."""
    return next(iter(site.hosts))


def test_a_native_job_on_two_hosts(site: Site) -> None:
    """Two chunks on one of them; a manifest on each, and none afterwards."""
    if len(site.hosts) < 2:
        pytest.skip("this PBS has one host only")
    first, second = site.hosts.values()
    job_id = site.pbs.submit(select="2:ncpus=1:mem=20mb:host=%s+1:ncpus=1:mem=30mb:host=%s" % (first.name, second.name))
    site.pbs.wait_for_state(job_id, "R", timeout=60)
    awaited(lambda: job_id in first.requests() and job_id in second.requests(), 30)
    assert first.requests()[job_id] == {"cpu": "2", "memory": "40960Ki"}
    assert second.requests()[job_id] == {"cpu": "1", "memory": "30720Ki"}
    site.pbs.delete_job(job_id)
    awaited(lambda: job_id not in first.requests() and job_id not in second.requests(), 30)


def test_a_manifest_that_was_lost_is_written_again(site: Site) -> None:
    host = site.hosts[hostname(site)]
    job_id = site.pbs.submit(select="1:ncpus=1:mem=20mb:host=" + host.name)
    site.pbs.wait_for_state(job_id, "R", timeout=60)
    awaited(lambda: job_id in host.requests(), 30)
    before = host.pods()
    for name in host.files():
        (host.manifests / name).unlink()
    awaited(lambda: job_id in host.requests(), 30)
    assert host.pods() == before
    site.pbs.delete_job(job_id)
    awaited(lambda: job_id not in host.requests(), 30)


def test_a_pods_job_gives_hints_is_accounted_and_frozen(site: Site) -> None:
    host = site.hosts[hostname(site)]
    cgroup = PodCgroup(host.cgroups, 2, POD_UID)
    cgroup.use(cpu_seconds=42, memory=123 * 2 ** 20)
    broker = Broker(site.socket)
    try:
        job_id = site.submit_pods_job(host.name)
        for event in ("postqueuejob", "runjob"):
            assert '"job": "%s", "event": "%s"' % (job_id, event) in broker.receive().decode()
        site.pbs.wait_for_state(job_id, "R", 42, timeout=60)
        assert job_id not in host.requests(), "it is Kubernetes' own"

        def used(job: Any) -> Dict[str, Any]:
            return {name: str((job or {}).get("resources_used", {}).get(name)) for name in ("cput", "mem")}

        awaited(lambda: used(site.pbs.job(job_id)) == {"cput": "00:00:42", "mem": "125952kb"}, 60)

        site.pbs.suspend(job_id)
        awaited(lambda: cgroup.frozen, 30)
        site.pbs.resume(job_id)
        awaited(lambda: not cgroup.frozen, 60)
        site.pbs.wait_for_state(job_id, "R", 42, timeout=60)

        cgroup.use(cpu_seconds=77, memory=200 * 2 ** 20)
        site.pbs.delete_job(job_id)
        assert b'"job": "%s", "event": "jobobit"' % job_id.encode() in until_obit(broker)
        ended = site.pbs.wait_for_state(job_id, "F", timeout=60)
        assert used(ended) == {"cput": "00:01:17", "mem": "204800kb"}
    finally:
        broker.close()


def until_obit(broker: Broker) -> bytes:
    """The first jobobit hint; a resumed job may have been run once more before."""
    while True:
        hint = broker.receive()
        if b"jobobit" in hint:
            return hint


def test_a_frozen_pods_job_that_ends_is_thawed(site: Site) -> None:
    host = site.hosts[hostname(site)]
    uid = "0f3a2c1b-0c5e-4a0e-9a37-7f1c9a52aaaa"
    cgroup = PodCgroup(host.cgroups, 2, uid)
    job_id = site.submit_pods_job(host.name, uid)
    site.pbs.wait_for_state(job_id, "R", 42, timeout=60)
    site.pbs.suspend(job_id)
    awaited(lambda: cgroup.frozen, 30)
    site.pbs.delete_job(job_id)
    awaited(lambda: not cgroup.frozen, 60)
    site.pbs.wait_for_state(job_id, "F", timeout=60)


def test_nobody_else_poses_as_a_pods_job(site: Site) -> None:
    """A new configuration is in force at once on the server; other jobs are submitted and altered as ever."""
    native = site.pbs.submit("-h")
    site.install(users=["somebody-else"])
    try:
        with pytest.raises(PBSError, match="KUBERNETES_POD_UID is for jobs of pods"):
            site.submit_pods_job(hostname(site))
        site.pbs.run("qalter", "-N", "renamed", native)
    finally:
        site.install()
    held = site.submit_pods_job(hostname(site), POD_UID, "-h")
    # Without proof, who may submit pods' jobs may alter them.
    site.pbs.run("qalter", "-N", "renamed", held, user=site.user)
    for job_id in (native, held):
        site.pbs.delete_job(job_id)


def test_each_host_tells_how_it_is(site: Site) -> None:
    """What PBS hands on as a vnode's resource is what hooks/install --check reads; the table names each host."""
    environment = dict(os.environ, PATH="%s:%s" % (site.pbs.exec_dir / "bin", os.environ["PATH"]))
    result = subprocess.run([sys.executable, str(HOOKS / "install"), "--check", "--wait", str(ARRIVAL)], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    versions = []
    for host in site.hosts.values():
        (row,) = [line.split() for line in result.stdout.splitlines() if line.split()[:1] == [host.name]]
        versions.append([word for word in row if re.fullmatch("[0-9a-f]{12}", word)])
        # A made-up cgroup tree without kubepods is said by name; a test before may have made a pod's there.
        has_pods = any(Path(host.cgroups).rglob("kubepods*"))
        assert ("host %s: cgroups: no " % host.name in result.stderr) != has_pods
    assert len(versions[0]) == 2 and all(version == versions[0] for version in versions)


def test_a_pods_job_tells_its_devices_with_its_start(site: Site) -> None:
    """MoM hands the variable to the server with the message that makes the job run, so that a Binding can have it."""
    host = site.hosts[hostname(site)]
    held = site.submit_pods_job(host.name, "0f3a2c1b-0c5e-4a0e-9a37-7f1c9a52bbbb", "-h")
    aux = mom_home(host.name) / "aux" / (held + ".env")
    aux.write_text("CUDA_VISIBLE_DEVICES=GPU-1,GPU-2\n")
    try:
        site.pbs.release(held)
        job = site.pbs.wait_for_state(held, "R", 42, timeout=60)
        assert job["Variable_List"]["KUBERNETES_DEVICES"] == "gpus=GPU-1+GPU-2"
    finally:
        aux.unlink()
        site.pbs.delete_job(held)


def mom_home(host: str) -> Path:
    """PBS_HOME of a host's MoM: a lab has a pbs.conf for each."""
    own = Path("/etc/pbs-%s.conf" % host)
    found = re.search(r"^PBS_HOME=(\S+)", (own if own.exists() else Path("/etc/pbs.conf")).read_text(), re.MULTILINE)
    assert found is not None, "no PBS_HOME"
    return Path(found.group(1))


def test_proof_of_submission(site: Site) -> None:
    """Refused without a token, and with one that does not fit; believed with one that does, and out of its owner's hands."""
    site.install(proof="required")
    try:
        key = bytes.fromhex((site.directory / "keys").read_text().splitlines()[1])
        select = "1:ncpus=1:mem=10mb:host=" + hostname(site)
        native = site.pbs.submit("-h")
        owner = str((site.pbs.job(native) or {})["Job_Owner"])

        def submit(select_of_token: str = select, **changes: Any) -> str:
            values = dict({"user": owner, "expiry": int(time.time()) + 300}, **changes)
            return site.pbs.submit("-h", "-l", "k8s_token=" + token(select_of_token, key, **values), select=select,
                                   variables={"KUBERNETES_POD_UID": POD_UID})

        with pytest.raises(PBSError, match="need a token"):
            site.submit_pods_job(hostname(site))
        with pytest.raises(PBSError, match="another select"):
            submit("9:ncpus=9")
        with pytest.raises(PBSError, match="it is for mallory@nowhere"):
            submit(user="mallory@nowhere")
        with pytest.raises(PBSError, match="has expired"):
            submit(expiry=int(time.time()) - 10)
        for options in (("-l", "k8s_pod=a/b/c/d"), ("-A", "x\nResource_List.k8s_pod = a/b/c/d")):
            with pytest.raises(PBSError, match="k8s_pod"):
                site.pbs.submit(*options)
        job_id = submit()
        resources = (site.pbs.job(job_id) or {})["Resource_List"]
        assert resources["k8s_pod"] == "%s/%s/default/redis" % (CLUSTER, POD_UID) and "k8s_token" not in resources
        for command in (["qalter", "-N", "x"], ["qalter", "-l", "select=1:ncpus=2"]):
            with pytest.raises(PBSError, match="is a pod's"):
                site.pbs.run(*command, job_id, user=site.user)
        site.pbs.run("qalter", "-N", "byroot", job_id)
        site.pbs.run("qdel", job_id, user=site.user)
        assert (site.pbs.job(job_id) or {"job_state": "F"})["job_state"] == "F"
        # Out of the history too, or PBS keeps the resources when the hooks are removed.
        site.pbs.run("qdel", "-x", job_id)
        site.pbs.delete_job(native)
    finally:
        site.install()
