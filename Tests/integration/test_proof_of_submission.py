"""Proof of submission, end to end: pbs-broker signs, the server's hook verifies, and both believe nothing else."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path
from typing import Any, Iterator

import pytest

from integration.backend import by_library, said
from integration.conftest import BRISK, running_site
from integration.hooked_server import HookedPBS, HookedSimulator, new_key, write_keys
from integration.site import Site
from real.pbs import RealPBS, lab_program
from simulators.kubernetes import Kubelet, KubernetesSimulator
from simulators.pbs import PBSSimulator
from simulators.pbs.errors import PBSError

TOKEN = re.compile(r"1\.[A-Za-z0-9_-]{40,}\.[A-Za-z0-9_-]{20,}")
SIMULATED = "others on a real PBS need its hook"


class ProvenSite:
    """A site, its PBS server's hook, and pbs-broker's copy of the keys."""

    def __init__(self, site: Site, hook: HookedSimulator | HookedPBS, keys: Path) -> None:
        self.site, self.hook, self.keys = site, hook, keys

    def give_keys(self, *keys: str) -> None:
        """pbs-broker's copy: these keys, or else those of the server."""
        write_keys(self.keys, *(keys or self.hook.key_file.read_text().split()))
        user = self.site.connector.broker_user
        if user is not None:
            os.chown(self.keys, pwd.getpwnam(user).pw_uid, -1)

    def start(self) -> None:
        self.site.connector.start()

    @property
    def broker(self) -> Any:
        return self.site.connector["pbs-broker"]

    def lines(self, text: str) -> list[str]:
        """What pbs-broker has logged with this text in it."""
        return [line for line in self.broker.lines if text in line]


@pytest.fixture
def proven(tmp_path: Path, pbs: Any) -> Iterator[ProvenSite]:
    """A site where only proof counts; pbs-broker has the server's keys."""
    if isinstance(pbs, PBSSimulator):
        hook: HookedSimulator | HookedPBS = HookedSimulator(pbs, tmp_path)
        keys = tmp_path / "proof-keys"
    else:
        if lab_program() is None or os.geteuid() != 0:
            pytest.skip("hooks that judge everybody's submissions are installed in a lab only, and by root")
        with RealPBS(tmp_path) as real:
            if "Hook pbs_kubernetes" in real.run("qmgr", "-c", "list hook"):
                pytest.skip("this site has the hooks installed, and they are not a test's to change")
        hook = HookedPBS(pbs, pbs.directory / "hooks")
        keys = pbs.directory / "proof-keys"
    settings = f"  proof: required\n  proof-keys: {keys}\n  proof-host: {hook.host}\n"
    sites = running_site(tmp_path, KubernetesSimulator(kubelet=Kubelet()), pbs, BRISK + settings)
    try:
        made = ProvenSite(next(sites), hook, keys)
        made.site.connector.log_level = "trace"
        made.give_keys()
        yield made
    finally:
        sites.close()
        hook.close()


def uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["uid"])


def test_a_pod_is_bound_by_its_proof(proven: ProvenSite) -> None:
    site = proven.site
    proven.start()
    proven.broker.wait_for_log("proof: a job is a pod's by its resource k8s_pod, and by nothing else")
    pod = site.create("proven")
    site.wait_bound("proven")
    job_id = str(site.job_id_of("proven"))
    assert proven.hook.proof_of(job_id) == {"k8s_pod": f"{site.cluster}/{uid(pod)}/default/proven"}
    # A broker that starts has nothing but the proof to know it by.
    site.connector.restart("pbs-broker")
    proven.broker.wait_for_log("kube-watcher has told all")
    site.create("second")
    site.wait_bound("second")
    assert site.job_id_of("proven") == job_id and len(site.live_jobs()) == 2
    site.kubernetes.delete_pod("default", "proven")
    site.wait_jobs(uid(pod), 0)
    assert not TOKEN.search(site.connector.logs())
    if not by_library():
        # The command line is logged without it.
        assert "k8s_token=..." in proven.broker.log()


def test_a_key_that_the_server_does_not_have_stops_all_until_it_has(proven: ProvenSite) -> None:
    site = proven.site
    proven.give_keys(new_key())
    proven.start()
    names = ["first", "second", "third"]
    for name in names:
        site.create(name)
    words = "PBS takes no jobs at present: " + said("qsub: the token in k8s_token is not accepted: it is not signed with this server's key")
    for name in names:
        site.wait_condition(name, "PodScheduled", words, 30)
    assert site.live_jobs() == []
    proven.give_keys()
    for name in names:
        site.wait_bound(name, 60)
    warnings = proven.lines("the token in k8s_token is not accepted")
    assert len([line for line in warnings if "one job at a time is tried" in line]) == 1
    assert not proven.lines("PBS refuses the job") and proven.lines("PBS takes jobs again")
    assert not TOKEN.search(site.connector.logs())


def test_the_keys_are_rotated_while_pods_come(proven: ProvenSite) -> None:
    site = proven.site
    proven.start()

    def comes(name: str) -> None:
        site.create(name)
        site.wait_bound(name)

    comes("before")
    old, new = proven.hook.key_file.read_text().strip(), new_key()
    proven.hook.set_keys(new, old)
    comes("with-the-old-key")
    proven.give_keys()
    comes("with-the-new-key")
    proven.hook.set_keys(new)
    comes("after")
    assert len(proven.lines("are signed with another key from now on")) == 1
    assert not proven.lines("is not accepted")


@pytest.mark.simulated_pbs(SIMULATED)
def test_keys_that_others_can_read_are_refused_at_the_start(proven: ProvenSite) -> None:
    proven.keys.chmod(0o640)
    proven.site.connector.start_process("pbs-broker")
    assert proven.broker.wait() == 1
    assert "others than its owner may read or write it (chmod 0400)" in proven.broker.log()


@pytest.mark.simulated_pbs(SIMULATED)
def test_a_server_that_vouches_for_nothing_gets_one_job_at_a_time(proven: ProvenSite) -> None:
    """It has the resources and not the hook: otherwise each pod would have one job after the other."""
    site = proven.site
    assert isinstance(proven.hook, HookedSimulator)
    proven.hook.remove()
    proven.start()
    pods = [site.create(f"pod-{index}") for index in range(12)]
    line = proven.broker.wait_for_log("is its hook pbs_kubernetes_server installed?")
    assert "error" in line
    site.wait_condition("pod-11", "PodScheduled", "without a proof of submission", 30)
    site.pbs.wait(lambda _: not site.live_jobs(), 20)
    # Those that were under way at first, before one had been looked at, and one or two since.
    assert len(site.pbs.jobs) <= len(pods) + 2
    assert [site.node_of(pod["metadata"]["name"]) for pod in pods] == [None] * len(pods)
    proven.hook.install()
    for pod in pods:
        site.wait_bound(pod["metadata"]["name"], 90)
    assert len(proven.lines("is its hook pbs_kubernetes_server installed?; one job at a time")) == 1


@pytest.mark.simulated_pbs(SIMULATED)
def test_variables_are_decoration(proven: ProvenSite) -> None:
    """Jobs of pbs-broker's own user, made while the hook was not there to refuse them."""
    site = proven.site
    assert isinstance(proven.hook, HookedSimulator)
    pod = site.create("victim")
    proven.hook.remove()
    posing = [site.pbs.submit(name, variables=site.job_variables(of, name))
              for of, name in ((uid(pod), "victim"), ("00000000-0000-4000-8000-000000000000", "nobody"))]
    proven.hook.install()
    proven.start()
    site.wait_bound("victim")
    own = site.job_id_of("victim")
    assert own not in {job.id for job in posing}
    polls = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] >= polls + 30, 60, "30 more polls")
    assert all(site.pbs.job(job.id).live for job in posing)
    site.pbs.end_job(posing[0].id)
    polls = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] >= polls + 30, 60, "30 more polls")
    assert site.pbs.job(str(own)).live and site.node_of("victim") is not None


@pytest.mark.simulated_pbs(SIMULATED)
def test_a_stolen_token_is_worth_nothing(proven: ProvenSite) -> None:
    site = proven.site
    proven.start()
    pod = site.create("victim")
    site.wait_bound("victim")
    job = site.pbs.job(str(site.job_id_of("victim")))
    stolen = TOKEN.search(" ".join(job.submit_arguments))
    if by_library():
        assert stolen is None, "the library says nothing of a command line"
        return
    assert stolen is not None, "the commands keep it there, where all can read it"
    select = next(text for text in job.submit_arguments if text.startswith("select=")).removeprefix("select=")
    for user, asked, words in (("mallory", select, "it is for root@pbsserver, not for mallory@pbsserver"),
                               ("root", "1:ncpus=8", "or for another select")):
        for variables in ({}, site.job_variables(uid(pod), "victim")):
            with pytest.raises(PBSError, match=words):
                site.pbs.submit("stolen", select=asked, user=user, variables=variables, resources={"k8s_token": stolen[0]})
    for resources in ({"k8s_pod": f"{site.cluster}/{uid(pod)}/default/victim"}, {"k8s_token": "1.x.y"}):
        with pytest.raises(PBSError):
            site.pbs.submit("forged", user="mallory", resources=resources)
    assert [other.id for other in site.jobs_of(uid(pod))] == [job.id]
