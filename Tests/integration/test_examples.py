"""Each pod of deploy/examples becomes the job that its comment promises, and the API takes each file as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.manifests import read_documents
from integration.connector import REPOSITORY
from integration.site import Site
from real.kubernetes import RealKubernetes

EXAMPLES = REPOSITORY / "deploy" / "examples"
COLLECTIONS = {"Pod": "/api/v1/namespaces/default/pods", "Job": "/apis/batch/v1/namespaces/default/jobs"}


@pytest.mark.parametrize("file, scheduler, select, walltime", [
    ("redis.yaml", "default-scheduler", "1:ncpus=1:mem=640mb", None),
    ("redis-pbs.yaml", "pbs", "1:ncpus=1:mem=640mb", None),
    ("deadline.yaml", "pbs", "1:ncpus=1:mem=64mb", 900),
])
def test_an_example_pod_is_bound_to_the_host_of_its_job(
        either_site: Site, file: str, scheduler: str, select: str, walltime: int | None) -> None:
    site = either_site
    (manifest,) = read_documents((EXAMPLES / file).read_text())
    name = manifest["metadata"]["name"]
    site.connector.watcher_options = site.connector.binder_options = ["--scheduler-name", scheduler]
    site.connector.start()
    pod = site.kubernetes.create_pod(manifest)
    site.wait_bound(name)
    (job,) = site.jobs_of(pod["metadata"]["uid"])
    assert site.node_of(name) == job.hosts[0]
    assert job.request.listed["select"] == select
    assert job.request.walltime == walltime, "seconds"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_a_real_api_server_takes_the_file_and_reads_in_it_what_we_do(
        real_kubernetes: RealKubernetes, path: Path) -> None:
    (manifest,) = read_documents(path.read_text())
    collection = COLLECTIONS[manifest["kind"]]
    answer = real_kubernetes.client.request("POST", collection, path.read_bytes(), "application/yaml")
    assert answer.status == 201, answer.body
    created = json.loads(answer.body)
    # At once, and without the controllers that would remove what depends on it.
    real_kubernetes.client.json("DELETE", f"{collection}/{manifest['metadata']['name']}", {
        "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "propagationPolicy": "Background"})
    assert covers(created["spec"], manifest["spec"])


def covers(whole: object, part: object) -> bool:
    """Whether all of `part` is in `whole`, to which the server has added defaults; it writes quantities as strings."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and covers(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) == len(part) and all(map(covers, whole, part))
    return whole == part or whole == str(part)
