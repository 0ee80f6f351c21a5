"""Pods as large as an API server takes them are refused by name, and nobody else notices."""

from __future__ import annotations

from typing import Any

import pytest

from integration.site import Site

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def terms(count: int) -> dict[str, Any]:
    return {"podAffinity": {REQUIRED: [{"topologyKey": "a"}] * count}}


def expressions(count: int) -> dict[str, Any]:
    terms = [{"matchExpressions": [{"key": "a", "operator": "Exists"}] * count}]
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}


def controls(count: int) -> dict[str, Any]:
    requirement = {"key": "metadata.name", "operator": "In", "values": ["\x01" * count]}
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchFields": [requirement]}]}}}


@pytest.mark.parametrize("affinity, words", [
    (terms(270_000), "required podAffinity cannot be honoured by PBS"),
    (expressions(95_000), "spec.nodeAffinity is too large"),
    (controls(1_300_000), "spec.nodeAffinity is too large"),
], ids=["terms", "expressions", "controls"])
def test_a_pod_of_over_a_megabyte_is_refused_by_name_and_others_are_bound(
        site: Site, affinity: dict[str, Any], words: str) -> None:
    site.connector.start()
    site.create("before")
    site.wait_bound("before")
    huge = site.create("huge", affinity=affinity)
    site.wait_condition("huge", "PodScheduled", words)
    site.create("after")
    site.wait_bound("after")
    assert site.jobs_of(huge["metadata"]["uid"]) == []
    # One that starts meanwhile reads it as well.
    site.connector.restart("pbs-broker")
    site.create("later")
    site.wait_bound("later")


def test_a_large_annotation_is_nobody_s_business(site: Site) -> None:
    site.connector.start()
    site.kubernetes.create_pod({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "wordy", "annotations": {"example.com/template": "x/ä中" * 35_000}},
        "spec": {"schedulerName": "pbs", "containers": [
            {"name": "c", "image": "lab/busybox:1", "resources": {"requests": {"cpu": "1", "memory": "64Mi"}}}]}})
    site.wait_bound("wordy")
