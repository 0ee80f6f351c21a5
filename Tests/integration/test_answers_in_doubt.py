"""A binder's answer is not the last word: what kube-watcher does not confirm is asked for again."""

from __future__ import annotations

import pytest

from integration.site import Site
from simulators.kubernetes import Fault, Status

pytestmark = pytest.mark.simulated_pbs("the API's answers are chosen, and which PBS there is plays no part")


@pytest.mark.parametrize("what", ["a binding", "a deletion", "a condition"])
def test_what_is_answered_with_404_is_tried_again(site: Site, what: str) -> None:
    """As by a proxy before the API server, which has no server at the moment."""
    site.connector.start()
    pods = [f"pod-{index}" for index in range(4)]
    if what == "a deletion":
        for name in pods:
            site.create(name)
        for name in pods:
            site.wait_bound(name)
    match = {"a binding": r"POST .*/binding", "a deletion": r"(GET|DELETE) .*/pods/pod", "a condition": r"GET .*/pods/pod"}[what]
    fault = site.kubernetes.faults.add(Fault(match, Status(404)))
    for name in pods:
        if what == "a deletion":
            site.pbs.end_job(site.job_id_of(name) or "")
        else:
            site.create(name, cpu="1000" if what == "a condition" else "1")
    site.connector["pbs-broker"].wait_for_log("it is asked again", 90)
    # A look and a try for each pod, and perhaps a second time.
    assert len(pods) <= fault.hits <= 4 * len(pods)
    site.kubernetes.faults.remove(fault)
    for name in pods:
        if what == "a binding":
            site.wait_bound(name, 150)
        elif what == "a deletion":
            site.wait_gone(name, 150)
        else:
            site.wait_condition(name, "PodScheduled", "Insufficient amount of resource: ncpus", 150)
