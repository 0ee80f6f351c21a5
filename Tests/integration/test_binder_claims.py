"""Whatever binder is told about volume claims, it gives a claim of a pod of ours its first node, and does nothing else."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from integration.lone_binder import LoneBinder
from integration.provisioner import CLAIMS, MERGE, SELECTED, request
from integration.test_binder_checks import api, binder, requests_of, simulated

__all__ = ["api", "binder", "simulated"]  # fixtures
Object = dict[str, Any]
NUMBERS = itertools.count()


def make(lone: LoneBinder, **spec: Any) -> tuple[Object, Object]:
    """A pod that waits, and its claim, of a name of its own."""
    name = f"data-{next(NUMBERS)}"
    claim = request(lone.kubernetes, "POST", CLAIMS, {"metadata": {"name": name, "annotations": {"example.org/x": "y"}}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "late", "resources": {"requests": {"storage": "1Gi"}}, **spec}})
    pod = lone.create(f"uses-{name}", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": name}}])
    return pod, claim


def select(lone: LoneBinder, pod: Object, claim: Object, node: str | None = "node1", **fields: Any) -> Object:
    """Ask, and return the outcome."""
    reference = {key: claim["metadata"][key] for key in ("uid", "name")}
    before = len(lone.broker.outcomes)
    wanted = {} if node is None else {"node": node}
    lone.broker.ask("select-node", pod, claim=reference, job="5.pbs", **wanted, **fields)
    return lone.broker.wait_outcomes(before + 1)[before]


def annotations(lone: LoneBinder, claim: Object) -> Object:
    found: Object = request(lone.kubernetes, "GET", f"{CLAIMS}/{claim['metadata']['name']}")["metadata"]["annotations"]
    return {key: value for key, value in found.items() if key in (SELECTED, "example.org/x")}


def test_a_claim_gets_its_node_once(binder: LoneBinder) -> None:
    pod, claim = make(binder)
    outcome = select(binder, pod, claim, id=7)
    assert outcome == {"type": "claim-outcome", "id": 7, "result": "selected", "claim": {key: claim["metadata"][key] for key in ("uid", "name")},
                       "pod": {key: pod["metadata"][key] for key in ("uid", "namespace", "name")}}
    assert annotations(binder, claim) == {SELECTED: "node1", "example.org/x": "y"}
    assert select(binder, pod, claim)["result"] == "selected"
    other = select(binder, pod, claim, "node2")
    assert (other["result"], other["message"]) == ("conflict", "it has node node1")
    assert annotations(binder, claim)[SELECTED] == "node1"


def test_what_is_selected_already_costs_no_write(simulated: LoneBinder) -> None:
    pod, claim = make(simulated)
    for _ in range(3):
        assert select(simulated, pod, claim)["result"] == "selected"
    name = claim["metadata"]["name"]
    assert [line for line in requests_of(simulated) if line.startswith("PATCH")] == [f"PATCH {CLAIMS}/{name}"]


def test_another_claim_of_the_name_is_left_alone(binder: LoneBinder) -> None:
    pod, claim = make(binder)
    former = {"metadata": {**claim["metadata"], "uid": "0b3c"}}
    assert select(binder, pod, former)["result"] == "gone"
    assert select(binder, {"metadata": {**pod["metadata"], "uid": "0b3c"}}, claim)["result"] == "gone"
    assert annotations(binder, claim) == {"example.org/x": "y"}


def test_a_claim_with_a_volume_is_left_alone(binder: LoneBinder) -> None:
    pod, claim = make(binder, volumeName="pv-1")
    outcome = select(binder, pod, claim)
    assert (outcome["result"], outcome["message"]) == ("conflict", "it has pv-1")
    assert annotations(binder, claim) == {"example.org/x": "y"}


def test_only_claims_of_pods_of_ours_get_a_node(binder: LoneBinder) -> None:
    pod, claim = make(binder)
    stranger = binder.create(f"stranger-{next(NUMBERS)}")
    outcome = select(binder, stranger, claim)
    assert outcome["result"] == "refused" and "the pod does not use volume claim default/" in outcome["message"]
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}]
    foreign = binder.create(f"foreign-{next(NUMBERS)}", scheduler="other", volumes=volumes)
    outcome = select(binder, foreign, claim)
    assert outcome["result"] == "refused" and "its scheduler is" in outcome["message"]
    binder.broker.answer_to("bind", pod)
    assert select(binder, pod, claim)["result"] == "finished"
    assert annotations(binder, claim) == {"example.org/x": "y"}


@pytest.mark.parametrize("part, wrong", [("name", "../nodes/node1"), ("name", "A b"), ("uid", "1/2"), ("node", "node 1"), ("job", "--force")])
def test_what_is_no_name_is_refused_without_a_request(simulated: LoneBinder, part: str, wrong: str) -> None:
    pod, claim = make(simulated)
    reference = {key: claim["metadata"][key] for key in ("uid", "name")}
    message: Object = {"claim": reference, "node": "node1", "job": "5.pbs"}
    (reference if part in reference else message)[part] = wrong
    simulated.broker.ask("select-node", pod, **message)
    (outcome,) = simulated.broker.wait_outcomes(1)
    assert outcome["type"] == "claim-outcome" and outcome["result"] == "refused" and "is no " in outcome["message"]
    assert requests_of(simulated) == []


def test_a_claim_that_changes_at_that_moment_is_looked_at_again(simulated: LoneBinder) -> None:
    pod, claim = make(simulated)
    path = f"{CLAIMS}/{claim['metadata']['name']}"
    # What binder has seen is older than this by the time it writes.
    request(simulated.kubernetes, "PATCH", path, {"metadata": {"labels": {"a": "b"}}}, MERGE)
    simulated.broker.ask("select-node", pod, claim={key: claim["metadata"][key] for key in ("uid", "name")}, node="node1", job="5.pbs")
    request(simulated.kubernetes, "PATCH", path, {"metadata": {"labels": {"a": "c"}}}, MERGE)
    assert simulated.broker.wait_outcomes(1)[0]["result"] == "selected"
    assert annotations(simulated, claim)[SELECTED] == "node1"
