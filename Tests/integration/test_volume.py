"""The many pods of one namespace make no other wait, and are not as many requests at once."""

from __future__ import annotations

from typing import Any

import pytest

from integration.site import Site

SIMULATED = "more pods than a real PBS of a test has room for"
MANY = 300
REFUSED = 1000
# What binder writes at once and a second, of reports and of Events each.
BURST, PER_SECOND = 100, 50
# Tests share a machine with others: requests arrive later than they were sent, and then together.
SLACK = 2.0


def uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["uid"])


@pytest.mark.simulated_pbs(SIMULATED)
def test_one_namespaces_many_pods_make_no_other_wait_for_its_job(bare_site: Site) -> None:
    site = bare_site
    for namespace in ("many", "few"):
        site.kubernetes.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    for index in range(MANY):
        site.create(f"many-{index}", namespace="many")
    # 8 at once: some 40 a second.
    site.pbs.faults.slow("qsub", 0.2)
    site.connector.start()
    site.pbs.wait(lambda pbs: len(pbs.jobs) >= 20, 40, "the first jobs of the many")
    few = [site.create(f"few-{index}", namespace="few") for index in range(3)]
    jobs = [site.wait_jobs(uid(pod), 1, 40)[0] for pod in few]
    assert max(job.sequence for job in jobs) < MANY // 2, "their turn came before that of most of the many"
    site.pbs.faults.clear()
    site.pbs.wait(lambda pbs: len(pbs.jobs) == MANY + 3, 60, "all jobs")


@pytest.mark.simulated_pbs(SIMULATED)
def test_a_thousand_refused_pods_are_told_at_a_pace_and_in_turns(bare_site: Site) -> None:
    site = bare_site
    for namespace in ("many", "few"):
        site.kubernetes.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    ports = [{"name": "main", "image": "i", "ports": [{"containerPort": 80, "hostPort": 80}]}]
    for index in range(REFUSED):
        site.create(f"many-{index}", namespace="many", containers=ports)

    def writes(resource: str) -> list[Any]:
        return [entry for entry in list(site.kubernetes.requests.entries)
                if (entry.resource, entry.subresource, entry.verb) in ((resource, "status", "patch"), (resource, "", "create"))
                and entry.user_agent.startswith("binder")]

    site.connector.start()
    site.wait(lambda _: len(writes("pods")) >= BURST, 40)
    for index in range(3):
        site.create(f"few-{index}", namespace="few", containers=ports)
    site.wait(lambda _: sum(entry.namespace == "few" for entry in writes("pods")) == 3, 40)
    told = len(writes("pods"))
    assert told < REFUSED // 2, "they waited for the many"
    site.wait(lambda _: len(writes("pods")) == REFUSED + 3, 90)
    for resource in ("pods", "events"):
        moments = [entry.monotonic for entry in writes(resource)]
        for begin in moments[::20]:
            within = sum(begin <= moment < begin + 1 for moment in moments)
            assert within <= BURST + PER_SECOND * (1 + SLACK), f"{within} writes of {resource} in a second"
