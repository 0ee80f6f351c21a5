"""A pod is bound only where its volumes can be reached from."""

from __future__ import annotations

from typing import Any

from integration.site import Site

CLAIMS, VOLUMES = "/api/v1/namespaces/default/persistentvolumeclaims", "/api/v1/persistentvolumes"


def make_claim(site: Site, name: str, nodes: list[str] | None) -> None:
    """A claim that is bound to a volume which these nodes reach; None for all."""
    spec: dict[str, Any] = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    if nodes is not None:
        terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": nodes}]}]
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
    site.kubernetes.request("POST", VOLUMES, {"metadata": {"name": f"pv-{name}"}, "spec": spec})
    site.kubernetes.request("POST", CLAIMS, {"metadata": {"name": name}, "spec": {
        "accessModes": ["ReadWriteOnce"], "volumeName": f"pv-{name}", "resources": {"requests": {"storage": "1Gi"}}}})
    site.kubernetes.request("PATCH", f"{CLAIMS}/{name}/status", {"status": {"phase": "Bound"}}, "application/merge-patch+json")


def uses(claim: str) -> dict[str, Any]:
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]}


def test_a_pod_is_bound_where_its_volume_can_be_reached(site: Site) -> None:
    for node in site.nodes[:2]:
        make_claim(site, f"on-{node}", [node])
    make_claim(site, "everywhere", None)
    make_claim(site, "nowhere", ["elsewhere"])
    site.connector.start()
    for round in range(2):
        for node in site.nodes[:2]:
            site.create(f"{node}-{round}", **uses(f"on-{node}"))
    site.create("anywhere", **uses("everywhere"))
    site.create("waits", **uses("nowhere"))
    site.wait_bound("anywhere")
    for round in range(2):
        for node in site.nodes[:2]:
            assert site.wait_bound(f"{node}-{round}")["spec"]["nodeName"] == node
    site.wait_condition("waits", "PodScheduled", "volume claim default/nowhere: its volume can be reached from no node that is a host of PBS")


def test_a_volume_that_comes_to_a_node_lets_its_pod_go(site: Site) -> None:
    """A node gets the label that a volume's affinity asks for."""
    make_claim(site, "zoned", None)
    terms = [{"matchExpressions": [{"key": "topology.example/zone", "operator": "In", "values": ["a"]}]}]
    site.kubernetes.request("PATCH", f"{VOLUMES}/pv-zoned", {"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}},
                            "application/merge-patch+json")
    site.connector.start()
    site.create("zoned", **uses("zoned"))
    site.wait_condition("zoned", "PodScheduled", "its volume can be reached from no node")
    node = site.nodes[-1]
    site.kubernetes.request("PATCH", f"/api/v1/nodes/{node}", {"metadata": {"labels": {"topology.example/zone": "a"}}},
                            "application/merge-patch+json")
    assert site.wait_bound("zoned")["spec"]["nodeName"] == node
