"""Numbers that no one can mean: who sends them is told so, and nobody ends of them. Found by fuzzing (Tests/fuzz)."""

from __future__ import annotations

from integration.site import Site
from simulators.kubernetes import Fault, TooManyRequests


def test_a_quantity_beyond_all_numbers_is_refused_and_harms_nobody(either_site: Site) -> None:
    site = either_site
    site.connector.start()
    # The API server takes it. Its exponent is the only number of 64 bits whose magnitude is none.
    pod = site.create("odd", cpu="1e-9223372036854775808")
    site.wait_condition("odd", "PodScheduled", 'cpu "1e-9223372036854775808" is not a quantity')
    site.create("ours")
    site.wait_bound("ours")
    assert site.jobs_of(pod["metadata"]["uid"]) == []
    assert site.connector["pbs-broker"].is_running


def test_a_server_that_asks_to_wait_for_ages_is_asked_again_after_minutes(site: Site) -> None:
    site.kubernetes.faults.add(Fault(r"GET /api/v1/pods", TooManyRequests(10**18), count=1))
    watcher = site.connector.start_process("kube-watcher")
    watcher.wait_for_log("trying again in 300.0 s")
    assert watcher.stop() == 0
