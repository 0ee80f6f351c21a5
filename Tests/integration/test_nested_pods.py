"""What users nest as deep as they like (metadata.managedFields, which an API server takes over) hides no other pod."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integration.site import Site, pod_manifest

pytestmark = pytest.mark.simulated_pbs("which PBS there is plays no part")
# A JSON decoder refuses more than 512.
DEPTH = 600


def nested_pod(name: str, **options: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for _ in range(DEPTH):
        fields = {"f:a": fields}
    pod = pod_manifest(name, **options)
    pod["metadata"]["managedFields"] = [{
        "manager": "somebody", "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": fields}}}]
    return pod


def test_a_pod_nested_as_deep_as_its_owner_likes_hides_no_other(either_site: Site) -> None:
    site = either_site
    site.connector.start()
    site.create("before")
    site.wait_bound("before")
    site.kubernetes.create_pod(nested_pod("nested"))
    site.kubernetes.create_pod(nested_pod("stranger", scheduler="default-scheduler", nodeName=site.nodes[0]))
    site.create("after")
    site.wait_bound("after")
    site.wait_bound("nested")
    # Those that start meanwhile read it as well.
    site.connector.restart("kube-watcher")
    site.connector.restart("binder")
    site.create("later")
    site.wait_bound("later")
    site.pbs.end_job(site.job_id_of("nested") or "")
    site.wait_event("nested", "JobEnded")


def test_octets_that_are_no_utf8_hide_no_other_pod(real_api_site: Site) -> None:
    """A real API server passes on what stands in a key of managedFields as it is."""
    site = real_api_site
    site.connector.start()
    pod = nested_pod("odd")
    pod["metadata"]["managedFields"][0]["fieldsV1"] = {"f:metadata": {"f:labels": {"f:OCTETS": {}}, "f:OCTETS": {}}}
    body = json.dumps(pod).encode().replace(b"OCTETS", b"\xff\xfe")
    answer = site.kubernetes.client.request("POST", "/api/v1/namespaces/default/pods", body)
    assert answer.status == 201 and b"\xff\xfe" in answer.body, "else this shows nothing"
    site.create("after")
    site.wait_bound("after")
    site.wait_bound("odd")
    site.connector.restart("kube-watcher")
    site.create("later")
    site.wait_bound("later")
