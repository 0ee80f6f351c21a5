"""What is wrong with one pod, or was written into it by its owner, is no trouble of other pods."""

from __future__ import annotations

from typing import Any

import pytest

from integration.site import Site, pod_manifest
from simulators.kubernetes.patch import STRATEGIC_MERGE
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("its answers are chosen")

# What PBS says of its own state, or of the site's hooks, and also where only one job is at fault (pbs_error.h).
OF_ONE_JOB = [
    (15039 & 255, "qsub: Job rejected by all possible destinations"),
    (1, "qsub: request rejected as filter hook 'site' encountered an exception. Please inform Admin"),
    (15010 & 255, "qsub: System error"),
    (15023 & 255, "qsub: Bad UID for job execution"),
]


@pytest.mark.parametrize(("status", "words"), OF_ONE_JOB)
def test_a_pod_whose_job_pbs_always_turns_away_holds_up_no_other(site: Site, pbs: PBSSimulator, status: int, words: str) -> None:
    """Its job goes through no queue of a routing queue, or makes a hook of the site fail."""
    with pbs.lock:
        pbs.faults.fail("qsub", status, words, argument="poison")
    site.connector.start()
    site.create("poison")
    site.connector["pbs-broker"].wait_for_log(words)
    for index in range(4):
        site.create(f"pod-{index}")
    for index in range(4):
        site.wait_bound(f"pod-{index}", 20)
    site.wait_condition("poison", "PodScheduled", words, 30)


def told(site: Site, name: str) -> str:
    """All that the pod was ever told, by conditions and Events."""
    return "\n".join(str(entry.details) for entry in site.kubernetes.record
                     if entry.name == name and entry.kind in ("condition", "event"))


def reject(site: Site, name: str, reason: str) -> None:
    """What a kubelet reports of a pod that it does not admit."""
    status = {"status": {"phase": "Failed", "reason": reason, "message": "Pod was rejected"}}
    site.kubernetes.request("PATCH", f"/api/v1/namespaces/default/pods/{name}/status", status, STRATEGIC_MERGE)


@pytest.mark.parametrize("reason", ["NodeAffinity", "OutOfcpu", "SysctlForbidden"])
def test_a_pod_that_its_user_put_on_a_node_to_be_rejected_holds_up_no_other(bare_site: Site, reason: str) -> None:
    site = bare_site
    site.connector.start()
    for node in site.nodes:
        site.kubernetes.create_pod(pod_manifest(f"rejected-{node}", nodeName=node))
    site.create("before")
    site.wait_bound("before")
    for node in site.nodes:
        reject(site, f"rejected-{node}", reason)
    # Told after those, so that they are known.
    site.create("after")
    site.wait_bound("after", 30)
    assert "rejects pods" not in told(site, "after")


@pytest.mark.parametrize(("reason", "owner"), [("SysctlForbidden", "controller"), ("NodeAffinity", "node1"), ("OutOfcpu", "node2")])
def test_a_rejected_pod_slows_its_owner_and_at_most_its_node(bare_site: Site, reason: str, owner: str) -> None:
    """Its owner's UID is text of who made it, which may be a node's name."""
    site = bare_site
    site.connector.start()

    def owned(name: str, node: str) -> dict[str, Any]:
        manifest = pod_manifest(name, nodeSelector={"kubernetes.io/hostname": node})
        manifest["metadata"]["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "made-up", "uid": owner, "controller": True}]
        return manifest

    for node in ("node1", "node2"):
        site.create(f"before-{node}", nodeSelector={"kubernetes.io/hostname": node})
        site.wait_bound(f"before-{node}")
    site.kubernetes.create_pod(owned("rejected", "node1"))
    site.wait_bound("rejected")
    reject(site, "rejected", reason)
    site.connector["pbs-broker"].wait_for_log(f"rejected by the kubelet of node1 ({reason})")
    site.kubernetes.create_pod(owned("next", "node2"))
    site.create("elsewhere", nodeSelector={"kubernetes.io/hostname": "node2"})
    site.wait_bound("elsewhere", 30)
    assert "rejects pods" not in told(site, "elsewhere")
    site.create("there", nodeSelector={"kubernetes.io/hostname": "node1"})
    if reason == "OutOfcpu":
        site.wait_condition("there", "PodScheduled", "the kubelet of node1 rejects pods as large (OutOfcpu)")
    else:
        site.wait_bound("there", 30)
        assert "rejects pods" not in told(site, "there")
    site.wait_condition("next", "PodScheduled", f"kubelets reject the pods of its owner ({reason})")
