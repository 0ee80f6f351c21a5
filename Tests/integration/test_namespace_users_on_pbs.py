"""Two namespaces whose jobs are those of two users, on a real PBS: in qstat, on its hosts and in the accounting log."""

from __future__ import annotations

import os
import pwd
import re
import tempfile
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from hooks.timing import awaited
from integration.conftest import BRISK, LAB_LOOK_INTERVAL, PATIENCE
from integration.connector import Connector
from integration.hooked_server import HookedPBS, write_keys
from integration.site import Site, pod_manifest
from integration.site_pbs import SitePBS
from real.pbs import RealPBS, lab_program
from simulators.kubernetes import Kubelet, KubernetesSimulator

pytestmark = [
    pytest.mark.real_pbs,
    pytest.mark.skipif(lab_program() is None or os.getuid() != 0,
                       reason="hooks for all, and jobs of others: only in a lab (PBS_CONNECTOR_LAB), by root")]

USERS = {"physics": "alice", "chem": "bob", "default": "pbs-broker"}
RIGHTS = "-all,+setuid,+setgid,+kill"


@pytest.fixture(params=["libpbs", "commands"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    reason = RealPBS.missing()
    if reason is not None:
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="site-pbs-") as name:
        Path(name).chmod(0o711)
        pbs = SitePBS(Path(name) / "pbs")
        pbs.require_no_other_connector()
        pbs.provide(ncpus=4, hosts=2)
        hook = HookedPBS(pbs, pbs.directory / "hooks")
        kubernetes = KubernetesSimulator(kubelet=Kubelet())
        kubernetes.start()
        for node in pbs.host_names:
            kubernetes.create_node(node)
        for namespace in USERS:
            if namespace != "default":
                kubernetes.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        kubeconfig = pbs.directory / "kubeconfig"
        kubernetes.write_kubeconfig(kubeconfig)
        keys = pbs.directory / "proof-keys"
        write_keys(keys, *hook.key_file.read_text().split())
        os.chown(keys, *owner_of(pbs.submitter))
        settings = (re.sub("look-interval: .*", LAB_LOOK_INTERVAL, BRISK)
                    + f"  proof: required\n  proof-keys: {keys}\n  proof-host: {hook.host}\n  pbs-backend: {request.param}\n"
                    + "  namespaces:\n"
                    + "".join(f"    {namespace}: {{user: {user}}}\n" for namespace, user in USERS.items()))
        become = list(pbs.as_submitter)
        at = become.index("--init-groups") + 1
        become[at:at] = [f"--inh-caps={RIGHTS}", f"--ambient-caps={RIGHTS}"]
        connector = Connector(pbs.directory, {"kube-watcher": kubeconfig, "binder": kubeconfig}, pbs.real.installed,
                              configuration=settings, broker_user=pbs.submitter, wrappers={"pbs-broker": become})
        try:
            yield Site(kubernetes, pbs, connector, PATIENCE)
        finally:
            print(connector.logs())
            connector.close()
            kubernetes.stop()
            for job_id in jobs_by_user(pbs):
                pbs.real.run("qdel", "-W", "force", job_id, allowed=range(256))
            hook.close()
            pbs.close()


def owner_of(user: str) -> tuple[int, int]:
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def jobs_by_user(pbs: SitePBS) -> dict[str, str]:
    """The owners of all jobs that stand for pods and have not ended, by id."""
    ids = pbs.real.run("qselect", "-l", "k8s_pod.ge.0").split()
    return {job_id: str((pbs.real.job(job_id) or {}).get("Job_Owner")).partition("@")[0] for job_id in ids}


def accounted(pbs: SitePBS, job_id: str) -> str | None:
    """The record of a job's end in the accounting log; None while there is none."""
    configuration = Path("/etc/pbs.conf").read_text()
    home = re.search(r"^PBS_HOME=(.+)$", configuration, re.MULTILINE)
    assert home is not None
    folder = Path(home[1].strip()) / "server_priv" / "accounting"
    for file in sorted(folder.iterdir())[-2:]:
        for line in file.read_text(errors="replace").splitlines():
            if f";E;{job_id};" in line:
                return line
    return None


def test_jobs_of_two_namespaces_are_two_users(site: Site) -> None:
    pbs: Any = site.pbs
    site.connector.start()
    broker = site.connector["pbs-broker"]
    broker.wait_for_log("submits as PBS users alice, bob, each by processes of its own")
    began = time.monotonic()
    for namespace in USERS:
        site.kubernetes.create_pod(pod_manifest("pod", namespace=namespace))
    jobs: dict[str, str] = {}
    for namespace in USERS:
        site.wait(lambda _: ((site.pod("pod", namespace) or {}).get("spec") or {}).get("nodeName"), 30)
        annotations = (site.pod("pod", namespace) or {})["metadata"]["annotations"]
        jobs[annotations["pbs-connector/job-id"]] = USERS[namespace]
    print(f"all bound after {time.monotonic() - began:.1f} s")
    assert jobs_by_user(pbs) == jobs
    for job_id, user in jobs.items():
        variables = (pbs.real.job(job_id) or {})["Variable_List"]
        assert variables.get("PBS_O_LOGNAME") == (user if user != pbs.submitter else None)
    # A new broker finds them by their proof alone, and submits nothing.
    site.connector.restart("pbs-broker")
    site.connector["pbs-broker"].wait_for_log("kube-watcher has told all")
    site.kubernetes.create_pod(pod_manifest("later", namespace="chem"))
    site.wait(lambda _: ((site.pod("later", "chem") or {}).get("spec") or {}).get("nodeName"), 30)
    assert sorted(jobs_by_user(pbs).values()) == ["alice", "bob", "bob", "pbs-broker"]
    # Each is deleted as its owner: none of them is a manager of this PBS.
    for namespace in USERS:
        site.kubernetes.delete_pod(namespace, "pod")
    site.kubernetes.delete_pod("chem", "later")
    awaited(lambda: not jobs_by_user(pbs), 60)
    for job_id, user in jobs.items():
        record = awaited(lambda: accounted(pbs, job_id), 30)
        assert f";user={user} " in record and "resources_used.cput=" in record
        assert f"k8s_pod={site.cluster}/" in record
    assert "cannot be deleted" not in site.connector.logs()
