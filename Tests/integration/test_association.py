"""A pod becomes a job and is bound to that job's host: on the simulated API and on a real kube-apiserver."""

from __future__ import annotations

import pytest

from integration.site import Site, pod_manifest


def uid(pod: dict) -> str:
    return pod["metadata"]["uid"]


def test_a_pod_is_bound_to_the_host_of_its_job(either_site: Site) -> None:
    site = either_site
    site.connector.start()
    pod = site.create("redis", cpu="1", memory="640Mi")
    bound = site.wait_bound("redis")
    (job,) = site.jobs_of(uid(pod))
    assert bound["spec"]["nodeName"] == job.hosts[0]
    assert bound["metadata"]["annotations"]["pbs-connector/job-id"] == job.id
    assert bound["metadata"]["annotations"]["pbs-connector/run-count"] == "1"
    assert site.condition("redis", "PodScheduled")["status"] == "True"
    assert job.name == "redis"
    assert job.substate == 42, "its host has reported"
    assert job.request.listed["select"] == "1:ncpus=1:mem=640mb"
    assert job.request.listed["mem"] == "640mb"
    assert job.variable("KUBERNETES_POD_NAME") == "redis"
    assert job.variable("KUBERNETES_POD_NAMESPACE") == "default"
    assert not job.rerunable, "a bound pod cannot move"
    assert site.wait_event("redis", "Scheduled")["message"] == (
        f"Successfully assigned default/redis to {job.hosts[0]} (job {job.id})")
    site.connector["kube-watcher"].wait_for_log("pod default/redis waits for a node")
    site.connector["pbs-broker"].wait_for_log(f"associating job {job.id} to pod default/redis")
    site.connector["pbs-broker"].wait_for_log(f"job {job.id} runs on {job.hosts[0]}")
    site.connector["binder"].wait_for_log(f"successfully assigned default/redis to {job.hosts[0]}")


def test_a_pod_without_requests_gets_the_defaults(either_site: Site) -> None:
    site = either_site
    site.connector.start()
    pod = site.create("plain", cpu=None, memory=None)
    site.wait_bound("plain")
    (job,) = site.jobs_of(uid(pod))
    assert job.request.listed["select"] == "1:ncpus=1:mem=256mb"


def test_the_default_schedulers_pods_are_ours_when_asked_for(either_site: Site) -> None:
    site = either_site
    site.connector.watcher_options = site.connector.binder_options = ["--scheduler-name", "default-scheduler", "pbs"]
    site.connector.start()
    for name, scheduler in (("unnamed", None), ("named", "pbs")):
        site.create(name, scheduler=scheduler)
    for name in ("unnamed", "named"):
        site.wait_bound(name)


def test_names_that_look_like_numbers_are_understood(site: Site) -> None:
    site.connector.start()
    for name in ("007", "1e5", "inf"):
        pod = site.create(name, cpu="0", memory="16Mi")
        site.wait_bound(name)
        (job,) = site.jobs_of(uid(pod))
        assert job.name == name
        assert site.job_id_of(name) == job.id


def test_a_pod_of_another_scheduler_is_left_alone(site: Site) -> None:
    site.connector.start()
    other = site.create("other", scheduler="default-scheduler")
    site.create("ours")
    site.wait_bound("ours")
    assert site.node_of("other") is None
    assert site.jobs_of(uid(other)) == []


def test_pods_that_were_there_before_us_are_found(either_site: Site) -> None:
    site = either_site
    names = [f"early-{index}" for index in range(6)]
    for name in names:
        site.create(name)
    site.connector.start()
    for name in names:
        site.wait_bound(name)
    assert len(site.live_jobs()) == 6


def test_a_gated_pod_waits_until_its_gates_are_gone(site: Site) -> None:
    site.connector.start()
    gated = site.create("gated", schedulingGates=[{"name": "example.com/later"}])
    site.create("other")
    site.wait_bound("other")
    assert site.jobs_of(uid(gated)) == []
    site.kubernetes.patch_pod("default", "gated", {"spec": {"schedulingGates": None}})
    site.wait_bound("gated")


def test_a_waiting_pod_says_why_in_pbs_words(either_site: Site) -> None:
    site = either_site
    site.connector.start()
    pod = site.create("big", cpu="100000")
    condition = site.wait_condition("big", "PodScheduled", "Insufficient amount of resource: ncpus")
    (job,) = site.jobs_of(uid(pod))
    assert condition["status"] == "False"
    assert condition["reason"] == "Unschedulable"
    assert job.id in condition["message"]
    assert site.wait_event("big", "FailedScheduling")["type"] == "Warning"


def test_a_constraint_that_pbs_cannot_honour_is_refused_by_name(either_site: Site) -> None:
    site = either_site
    site.connector.start()
    pod = site.create("picky", nodeSelector={"disk": "ssd"})
    site.wait_condition("picky", "PodScheduled", "nodeSelector disk")
    site.wait_event("picky", "FailedScheduling", "nodeSelector disk")
    assert site.jobs_of(uid(pod)) == []


def test_a_host_selector_is_honoured(site: Site) -> None:
    site.connector.start()
    site.create("there", nodeSelector={"kubernetes.io/hostname": site.nodes[1]})
    assert site.wait_bound("there")["spec"]["nodeName"] == site.nodes[1]


def test_a_host_selector_is_honoured_where_pbs_knows_the_host_by_its_short_name(site: Site) -> None:
    for name in ("node1", "node2"):
        site.kubernetes.delete_node(name)
        site.kubernetes.create_node(f"{name}.site.org")
    site.connector.start()
    site.create("there", nodeSelector={"kubernetes.io/hostname": "node2.site.org"})
    pod = site.wait_bound("there")
    assert pod["spec"]["nodeName"] == "node2.site.org"
    (job,) = site.jobs_of(uid(pod))
    assert job.request.listed["select"] == "1:ncpus=1:mem=64mb:host=node2"


def test_a_node_that_is_no_host_of_pbs_is_refused_by_name(site: Site) -> None:
    site.connector.start()
    site.kubernetes.create_node("node3")
    pod = site.create("there", nodeSelector={"kubernetes.io/hostname": "node3"})
    site.wait_condition("there", "PodScheduled", "no node node3 that is a host of PBS")
    assert site.jobs_of(uid(pod)) == []


def test_the_deadline_and_a_margin_become_the_walltime(site: Site) -> None:
    site.connector.start()
    pod = site.create("timed", activeDeadlineSeconds=3600)
    site.wait_bound("timed")
    (job,) = site.jobs_of(uid(pod))
    assert job.request.walltime == 3600 + 300


def test_what_pbs_refuses_is_reported_and_tried_again(site: Site) -> None:
    site.pbs.faults.fail("qsub", 188, "qsub: Job violates queue and/or server resource limits\n", count=1)
    site.connector.start()
    site.create("refused")
    site.wait_condition("refused", "PodScheduled", "Job violates queue and/or server resource limits")
    site.wait_bound("refused")


def test_a_multi_container_pod_asks_for_its_effective_request(site: Site) -> None:
    site.connector.start()
    manifest = pod_manifest("mixed", cpu="300m", memory="100Mi")
    manifest["spec"]["containers"].append(
        {"name": "second", "image": "x", "resources": {"requests": {"cpu": "900m", "memory": "28Mi"}}})
    manifest["spec"]["initContainers"] = [
        {"name": "first", "image": "x", "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}}}]
    pod = site.kubernetes.create_pod(manifest)
    site.wait_bound("mixed")
    (job,) = site.jobs_of(uid(pod))
    assert job.request.listed["select"] == "1:ncpus=2:mem=512mb"


@pytest.mark.simulated_pbs("how long a host needs to report cannot be chosen")
@pytest.mark.parametrize(("when", "start_delay"), [("run", 1.0), ("prerun", 3.0)])
def test_binding_waits_for_the_host_unless_told_otherwise(site: Site, when: str, start_delay: float) -> None:
    site.connector.configuration = site.connector.configuration + f"  bind-when: {when}\n"
    site.connector.__post_init__()
    site.pbs.settings.start_delay = start_delay
    site.connector.start()
    pod = site.create("slow")
    site.wait_bound("slow", timeout=start_delay if when == "prerun" else 10)
    (job,) = site.jobs_of(uid(pod))
    assert job.substate == (42 if when == "run" else 41)
