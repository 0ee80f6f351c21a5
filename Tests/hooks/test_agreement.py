"""Nothing is done to a pod unless job and pod name each other; and the words of an end."""
from typing import Any, Dict

import pytest

from hooks.cgroup_tree import PodCgroup
from hooks.execution_host import POD_UID, pods_job
from hooks.kubernetes_node import Before, Node
from hooks.timing import OTHER_PROCESS, elapsed
from simulators.kubernetes import Cut, Fault, Reset, Status

# Pods on this node that no job of ours stands for, the first being kube-proxy's like.
STRANGERS: Dict[str, Dict[str, Any]] = {
    "of another scheduler": dict(annotations={}, schedulerName="default-scheduler"),
    "without a job": dict(annotations={}),
    "of another job": dict(annotations={"pbs-connector/job-id": "7.pbsserver"}),
    "of another scheduler, with the job's id": dict(schedulerName="default-scheduler"),
    "static": dict(annotations={"pbs-connector/job-id": "6.pbsserver", "kubernetes.io/config.mirror": "1"}),
}


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_stranger_is_not_deleted(node: Node, stranger: Dict[str, Any]) -> None:
    outcome = node.run("EXECJOB_END", node.job_of(node.pod(**stranger)))
    assert node.deletes() == [] and "and stays" in outcome.messages()
    assert not any(line.startswith("PATCH") for line in node.asked())


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_stranger_is_neither_frozen_nor_thawed(node: Node, stranger: Dict[str, Any]) -> None:
    pod = node.pod(**stranger)
    cgroup = PodCgroup(node.cgroups, 2, pod["metadata"]["uid"])
    outcome = node.run("EXECJOB_POSTSUSPEND", node.job_of(pod, substate="43"))
    assert not cgroup.frozen and "is left alone" in outcome.messages()
    cgroup.set_frozen(True)
    for event in ("EXECJOB_PRERESUME", "EXECJOB_END"):
        node.run(event, node.job_of(pod))
        assert cgroup.frozen


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_strangers_usage_is_not_taken(node: Node, stranger: Dict[str, Any]) -> None:
    pod = node.pod(**stranger)
    PodCgroup(node.cgroups, 2, pod["metadata"]["uid"]).use(100, 2 ** 20)
    job = node.job_of(pod, resources_used="cput=00:00:01")
    node.periodic(job)
    node.run("EXECJOB_EPILOGUE", job)
    assert str(job.resources_used) == "cput=00:00:01"


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_job_that_names_a_stranger_reserves_like_a_native_one(node: Node, stranger: Dict[str, Any]) -> None:
    job = node.job_of(node.pod(**stranger), exec_vnode="(node1:ncpus=2)")
    outcome = node.periodic(job)
    assert node.requests() == {"6.pbsserver": {"cpu": "2"}}
    assert "the job counts as a native one" in outcome.messages()
    node.run("EXECJOB_END", job)
    assert node.requests() == {}


def test_a_pod_that_is_not_bound_yet_costs_no_reservation(node: Node) -> None:
    """kubelet cannot look at it, and would have no room for it then."""
    job = node.job_of(node.pod(node=None))
    node.run("EXECJOB_BEGIN", job)
    node.periodic(job)
    assert node.files() == []


def test_an_agreed_pod_is_accounted_for(node: Node) -> None:
    pod = node.pod()
    PodCgroup(node.cgroups, 2, pod["metadata"]["uid"]).use(100, 2 ** 20)
    job = node.job_of(pod)
    node.periodic(job)
    assert str(job.resources_used["cput"]) == "00:01:40"
    asked = len(node.asked())
    PodCgroup(node.cgroups, 2, POD_UID)
    node.periodic(job, *[pods_job("%d.pbsserver" % number) for number in range(10, 30)])
    assert len(node.asked()) - asked == 2, "one look at the node and one at its pods, for all jobs"


@pytest.mark.parametrize("action", [Status(500), Reset(), Cut()])
def test_an_api_that_fails_leaves_what_was_seen_last(node: Node, action: Any) -> None:
    pod = node.pod()
    cgroup = PodCgroup(node.cgroups, 2, pod["metadata"]["uid"])
    cgroup.use(100, 2 ** 20)
    job = node.job_of(pod)
    node.periodic(job)
    cgroup.use(200, 2 ** 20)
    fault = node.kubernetes.faults.add(Fault("GET", action))
    node.periodic(job)
    node.run("EXECJOB_EPILOGUE", job)
    assert str(job.resources_used["cput"]) == "00:01:40"
    node.run("EXECJOB_POSTSUSPEND", job)
    assert not cgroup.frozen, "nobody says that it is the job's"
    cgroup.set_frozen(True)
    node.run("EXECJOB_PRERESUME", job)
    assert not cgroup.frozen and fault.hits >= 4, "it would stay frozen else"


def test_without_a_kubeconfig_the_job_is_all_there_is(node: Node) -> None:
    node.configure(kubeconfig="")
    cgroup = PodCgroup(node.cgroups, 2, POD_UID)
    cgroup.use(100, 2 ** 20)
    job = pods_job()
    node.periodic(job)
    assert str(job.resources_used["cput"]) == "00:01:40" and node.asked() == []


# With proof.

PROVEN = "c0ffee00-0000-4000-8000-000000000001/%s/%s/%s"


def test_proof_names_the_pod_whatever_the_variables_say(node: Node) -> None:
    node.configure(proof="required")
    pod, victim = node.pod(), node.pod("victim")
    job = node.job_of(victim, Job_Owner="alice@login1",
                      Resource_List={"k8s_pod": PROVEN % (pod["metadata"]["uid"], "default", "redis")})
    node.run("EXECJOB_END", job)
    assert "deletionTimestamp" in node.kubernetes.pod("default", "redis")["metadata"]
    assert "deletionTimestamp" not in node.kubernetes.pod("default", "victim")["metadata"]


@pytest.mark.parametrize("proof", ["", "x", "a/b/c", "a/b/c/d/e", "a/b/../d", "a/b/c/D", "/u/default/redis", "a/b/c/d\n"])
def test_what_is_no_proof_makes_a_native_job(node: Node, proof: str) -> None:
    node.configure(proof="required")
    job = node.job_of(node.pod(), Resource_List={"k8s_pod": proof})
    node.run("EXECJOB_BEGIN", job)
    assert list(node.requests()) == ["6.pbsserver"]
    node.run("EXECJOB_END", job)
    assert node.deletes() == []


@pytest.mark.parametrize("owner", ["root@pbsserver", "pbs-broker@evilhost", "root@evilhost", "pbs-broker", "@pbsserver"])
def test_without_proof_users_count_from_the_servers_host(node: Node, owner: str) -> None:
    node.run("EXECJOB_END", node.job_of(node.pod(), Job_Owner=owner))
    assert node.asked() == []


# How it ends.


def conditions(node: Node) -> Dict[str, Any]:
    """The pod's conditions by type."""
    found = node.kubernetes.pod("default", "redis")
    assert found is not None
    return {condition["type"]: condition for condition in found["status"].get("conditions", [])}


@pytest.mark.parametrize("status, words", [
    ("271", "job 6.pbsserver has ended: ended by SIGTERM, exit status 271"),
    ("-29", "job 6.pbsserver has ended: walltime exceeded, exit status -29"),
    ("-27", "job 6.pbsserver has ended: mem exceeded, exit status -27"),
    ("-11", "job 6.pbsserver has ended: it is run again, exit status -11"),
    ("-4", "job 6.pbsserver has ended: its host's MoM was restarted, and ended the jobs that it found (pbs_mom -p keeps them), "
           "exit status -4"),
    ("-20", "job 6.pbsserver has ended: PBS had no word from its host's MoM for too long (node_fail_requeue), exit status -20"),
    ("265", "job 6.pbsserver has ended: ended by SIGKILL, exit status 265"),
    ("300", "job 6.pbsserver has ended: ended by signal 44, exit status 300"),
    ("3", "job 6.pbsserver has ended: exit status 3"),
    ("0", "job 6.pbsserver has ended: exit status 0"),
    (None, "job 6.pbsserver has ended"),
])
def test_a_pod_says_why_before_it_is_deleted(node: Node, status: Any, words: str) -> None:
    node.run("EXECJOB_END", node.job_of(node.pod(), Exit_status=status))
    condition = conditions(node)["DisruptionTarget"]
    assert (condition["status"], condition["reason"], condition["message"]) == ("True", "PBSJobEnded", words)
    assert condition["lastTransitionTime"].endswith("Z")
    asked = [line.split()[0] for line in node.asked()]
    assert asked == ["GET", "PATCH", "DELETE"] and node.deletes() == [200]


def test_a_credential_that_may_not_write_the_status_deletes_all_the_same(node: Node) -> None:
    pod = node.pod()
    node.kubernetes.faults.add(Fault("PATCH", Status(403)))
    outcome = node.run("EXECJOB_END", node.job_of(pod))
    assert node.deletes() == [200]
    assert outcome.messages().count("gets no DisruptionTarget condition") == 1


def test_a_status_that_cannot_be_written_for_now_leaves_the_pod_to_the_binder(node: Node) -> None:
    pod = node.pod()
    node.kubernetes.faults.add(Fault("PATCH", Status(500)))
    outcome = node.run("EXECJOB_END", node.job_of(pod))
    assert node.deletes() == [] and "left to the binder" in outcome.messages()


def test_a_pod_that_finishes_before_its_condition_is_written_stays(node: Node) -> None:
    pod = node.pod()
    node.kubernetes.faults.add(Before("PATCH", lambda: node.kubernetes.set_pod_phase("default", "redis", "Succeeded")))
    outcome = node.run("EXECJOB_END", node.job_of(pod))
    assert node.deletes() == [] and "has finished (Succeeded) and stays" in outcome.messages()


def test_a_pod_created_anew_gets_no_condition(node: Node) -> None:
    pod = node.pod()

    def replace() -> None:
        if (node.kubernetes.pod("default", "redis") or {}).get("metadata", {}).get("uid") == pod["metadata"]["uid"]:
            node.kubernetes.remove_pod("default", "redis")
            node.pod()

    node.kubernetes.faults.add(Before("PATCH", replace))
    outcome = node.run("EXECJOB_END", node.job_of(pod))
    assert "is another one by now" in outcome.messages()
    assert "DisruptionTarget" not in conditions(node) and node.deletes() == []


@pytest.mark.parametrize("grace, given", [(30, 30), (600, 600), (601, 600), (315360000, 600), (0, 0)])
def test_a_grace_period_is_limited(node: Node, grace: int, given: int) -> None:
    node.configure(longest_grace=600)
    outcome = node.run("EXECJOB_END", node.job_of(node.pod(terminationGracePeriodSeconds=grace)))
    found = node.kubernetes.pod("default", "redis")
    assert (found is None) if grace == 0 else (found["metadata"]["deletionGracePeriodSeconds"] == given)
    assert ("with 600 s to end" in outcome.messages()) == (grace > 600)


def test_a_pod_that_somebody_deleted_with_ages_to_end_is_hurried(node: Node) -> None:
    node.configure(longest_grace=600)
    pod = node.pod(terminationGracePeriodSeconds=315360000)
    node.kubernetes.delete_pod("default", "redis")
    assert node.kubernetes.pod("default", "redis")["metadata"]["deletionGracePeriodSeconds"] == 315360000
    node.run("EXECJOB_END", node.job_of(pod))
    assert node.kubernetes.pod("default", "redis")["metadata"]["deletionGracePeriodSeconds"] <= 600


@pytest.mark.parametrize("answer, words", [
    (b'{"metadata":"x","spec":[],"status":3}', "is another one"), (b"[]", "no object"), (b"{", "left to the binder"),
    (b'{"metadata":{"uid":"%s","annotations":[]},"spec":{}}' % POD_UID.encode(), "is one of scheduler"),
    (b'{"a":"' + b"x" * (5 * 2 ** 20) + b'"}', "longer than 4194304 octets"),
    (b"[" * 200000, "left to the binder"),
    # What a real API server passes on of what users put into managedFields.
    (b'{"metadata":{"uid":"%s","managedFields":[%s%s]},"spec":{}}' % (POD_UID.encode(), b'{"f:]":' * 9000 + b"{}", b"}" * 9000),
     "is one of scheduler"),
    (b'{"metadata":{"uid":"%s","managedFields":[{"f:\xff\xfe":{}}]},"spec":{}}' % POD_UID.encode(), "is one of scheduler"),
])
def test_answers_that_make_no_sense(answering: Any, host: Any, answer: bytes, words: str) -> None:
    host.configure(kubeconfig=answering(answer), api_timeout=5)
    outcome = host.run("EXECJOB_END", pods_job())
    assert outcome.rejected is None and words in outcome.messages()


def test_an_endless_answer_costs_no_more_than_its_limit(answering: Any, host: Any) -> None:
    """120 MB of JSON, with half a second to read them."""
    host.configure(kubeconfig=answering(b'{"a":[' + b"1," * (60 * 2 ** 20) + b"1]}"), api_timeout=0.5)
    seconds, outcome = elapsed(lambda: host.run("EXECJOB_END", pods_job()))
    assert "left to the binder" in outcome.messages() and seconds < 1.5 + OTHER_PROCESS
