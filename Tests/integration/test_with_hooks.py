"""The rows of docs/reliability.md on jobs and pods that end, with the PBS hooks at work on every host."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import pytest

from hooks.cgroup_tree import PodCgroup
from integration.conftest import BRISK, HOSTS
from integration.connector import Connector
from integration.hooked_hosts import HookedHosts, tokens
from integration.site import Site
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator

PROMPT = 5.0  # seconds; the looks that come by themselves are half a minute apart


@dataclass
class HookedSite(Site):
    """A site whose hosts have the hooks; its broker is told by hints and looks every 30 s by itself."""

    hooks: Any = None

    def bound(self, name: str, **options: Any) -> Any:
        """A new pod once it is bound; its job."""
        pod = self.create(name, **options)
        self.wait_bound(name)
        (job,) = self.jobs_of(pod["metadata"]["uid"])
        return job

    def cgroup(self, name: str) -> PodCgroup:
        """The cgroup that kubelet has made for a bound pod."""
        pod = self.pod(name)
        assert pod is not None
        return PodCgroup(self.hooks[pod["spec"]["nodeName"]].cgroups, 2, pod["metadata"]["uid"])

    def deletions(self, name: str) -> list[str]:
        """Who but the test itself deleted the pod of this name, each time."""
        return [entry.user for entry in self.kubernetes.record
                if entry.kind == "deleting" and entry.name == name and entry.user != "simulator"]

    def wait_deleted(self, name: str, words: str) -> None:
        """Wait until the pod is being deleted, and look at what it says."""
        self.wait(lambda _: "deletionTimestamp" in (self.pod(name) or {"metadata": {}})["metadata"])
        condition = self.condition(name, "DisruptionTarget")
        assert condition is not None and (condition["status"], condition["reason"]) == ("True", "PBSJobEnded")
        assert words in condition["message"]

    def wait_log(self, text: str) -> None:
        """Wait until a hook has said this."""
        deadline = time.monotonic() + 10
        with self.pbs.server.changed:
            while text not in self.hooks.log():
                assert time.monotonic() < deadline, f"no hook said {text!r}:\n{self.hooks.log()}"
                self.pbs.server.changed.wait(0.05)


@pytest.fixture
def hooked(tmp_path: Path) -> Iterator[HookedSite]:
    """A site without kubelets: a bound pod stays Pending, a deleted one Terminating."""
    with PBSSimulator(tmp_path / "pbs", HOSTS, end_delay=0.5) as pbs, KubernetesSimulator(tokens=tokens(pbs.host_names)) as kubernetes:
        for host in pbs.host_names:
            kubernetes.create_node(host)
        kubeconfig = tmp_path / "kubeconfig"
        kubernetes.write_kubeconfig(kubeconfig)
        configuration = re.sub("look-interval: .*", "look-interval: 30", BRISK)
        connector = Connector(tmp_path, {"kube-watcher": kubeconfig, "binder": kubeconfig}, pbs.exec_dir, configuration=configuration)
        hooks = HookedHosts(tmp_path / "hosts", pbs, kubernetes, connector.hints_socket())
        site = HookedSite(kubernetes, pbs, connector, hooks=hooks)
        try:
            connector.start()
            yield site
        finally:
            print(connector.logs())
            print(hooks.log())
            connector.close()
            hooks.close()


def test_a_pod_is_bound_by_hints_alone(hooked: HookedSite) -> None:
    hooked.create("hinted")
    hooked.wait_bound("hinted", PROMPT)
    assert [hooked.hooks[node].files() for node in hooked.nodes] == [[], []], "a pod's job reserves nothing"


def test_a_native_job_is_reserved_beside_pods(hooked: HookedSite) -> None:
    native = hooked.pbs.submit(select="1:ncpus=2:host=node1").id
    hooked.wait_log("reserved cpu 2")
    hooked.bound("beside")
    assert list(hooked.hooks["node1"].requests()) == [native]
    hooked.pbs.delete(native)
    hooked.wait_log("released its share")


def test_a_deleted_job_ends_its_pod_by_the_hook(hooked: HookedSite) -> None:
    job = hooked.bound("deleted", terminationGracePeriodSeconds=17)
    hooked.connector["binder"].stop()  # it may be first else
    hooked.pbs.delete(job.id)
    hooked.wait_deleted("deleted", f"job {job.id} has ended: ended by SIGTERM, exit status 271")
    assert hooked.deletions("deleted") == [f"system:node:{job.hosts[0]}"]
    assert hooked.pod("deleted")["metadata"]["deletionGracePeriodSeconds"] == 17
    hooked.connector.start_process("binder")
    hooked.bound("next")
    assert hooked.deletions("deleted") == [f"system:node:{job.hosts[0]}"], "once"


def test_walltime_exceeded_ends_the_pod_by_the_hook(hooked: HookedSite) -> None:
    job = hooked.bound("timed")
    hooked.connector["binder"].stop()
    hooked.pbs.end_job(job.id, -29, "walltime exceeded")
    hooked.wait_deleted("timed", "walltime exceeded")
    assert hooked.deletions("timed") == [f"system:node:{job.hosts[0]}"]


def test_a_requeued_job_ends_the_pod_by_the_hook(hooked: HookedSite) -> None:
    job = hooked.bound("requeued")
    host = job.hosts[0]
    hooked.connector["binder"].stop()
    hooked.pbs.set_scheduling(False)
    hooked.pbs.requeue(job.id)
    hooked.wait_deleted("requeued", f"job {job.id} has ended: it is run again")
    assert hooked.deletions("requeued") == [f"system:node:{host}"]
    hooked.kubernetes.remove_pod("default", "requeued")
    hooked.pbs.wait(lambda _: not job.live or job.id not in hooked.pbs.jobs, 15, "the job's end with its pod")


def test_a_suspended_job_freezes_its_pod(hooked: HookedSite) -> None:
    job = hooked.bound("suspended")
    cgroup = hooked.cgroup("suspended")
    hooked.pbs.suspend(job.id)
    hooked.wait_log("pod default/suspended frozen")
    assert cgroup.frozen
    hooked.pbs.resume(job.id)
    hooked.wait_log("pod default/suspended thawed")
    assert not cgroup.frozen and hooked.deletions("suspended") == []


def test_a_deleted_pod_keeps_its_job_until_it_is_gone_with_hooks_too(hooked: HookedSite) -> None:
    job = hooked.bound("leaving")
    hooked.kubernetes.delete_pod("default", "leaving", grace_period_seconds=5)
    hooked.bound("later")
    assert job.live
    hooked.kubernetes.remove_pod("default", "leaving")
    hooked.pbs.wait(lambda _: not job.live, 15, "the job's end with its pod")
    hooked.wait_log("pod default/leaving is gone already")
    assert hooked.deletions("leaving") == []


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_ends_its_job_and_the_hook_lets_it_stay(hooked: HookedSite, phase: str) -> None:
    job = hooked.bound("done")
    hooked.kubernetes.set_pod_phase("default", "done", phase)
    hooked.pbs.wait(lambda _: not job.live, 15, "the job's end with its pod")
    hooked.wait_log(f"pod default/done has finished ({phase}) and stays")
    assert hooked.deletions("done") == [] and hooked.condition("done", "DisruptionTarget") is None


def test_a_pod_gone_by_force_ends_its_job(hooked: HookedSite) -> None:
    job = hooked.bound("gone")
    hooked.kubernetes.delete_pod("default", "gone", grace_period_seconds=0)
    hooked.pbs.wait(lambda _: not job.live, 15, "the job's end with its pod")
    hooked.wait_log("pod default/gone is gone already")


def test_where_the_hook_cannot_delete_the_binder_does(hooked: HookedSite) -> None:
    job = hooked.bound("stubborn")
    kubeconfig = hooked.hooks[job.hosts[0]].directory / "kubelet.conf"
    kubeconfig.write_text(kubeconfig.read_text().replace("node", "nobody"))
    hooked.pbs.delete(job.id)
    hooked.wait_log("cannot delete pod default/stubborn, left to the binder: 401")
    hooked.wait_deleted("stubborn", "terminated by")
    assert hooked.deletions("stubborn") == ["admin"]
    assert "terminated by" in hooked.wait_event("stubborn", "JobEnded")["message"]


def test_a_pod_whose_annotation_was_changed_is_left_to_the_broker(hooked: HookedSite) -> None:
    """Users can write annotations: the hook believes none that does not fit, and the job's own pod ends all the same."""
    job = hooked.bound("changed")
    hooked.kubernetes.patch_pod("default", "changed", {"metadata": {"annotations": {"pbs-connector/job-id": "999999.pbsserver"}}})
    hooked.pbs.delete(job.id)
    hooked.wait_log("pod default/changed was bound for job 999999.pbsserver and stays")
    assert f"system:node:{job.hosts[0]}" not in hooked.deletions("changed")
