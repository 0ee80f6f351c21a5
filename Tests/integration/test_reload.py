"""pbs-broker reads its configuration again on SIGHUP: whole, or not at all."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from integration.site import Site
from integration.test_edits import wait_job
from integration.test_node_state import Hosts, cordon
from integration.test_options import create


def reload(site: Site, keys: str, said: str) -> None:
    """Other keys of pbs-broker, and what it says of them."""
    broker = site.connector["pbs-broker"]
    # Until then the other file would be the one that it starts with.
    broker.wait_for_log("proof: ")
    (site.connector.directory / "config.yaml").write_text(site.connector.configuration + keys)
    broker.signal(signal.SIGHUP)
    broker.wait_for_log(said)


@pytest.mark.simulated_pbs("the configuration's file is the broker's, and which PBS there is plays no part")
def test_waiting_pods_are_translated_again_and_running_ones_left(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    running = site.create("running")
    site.wait_bound("running")
    (held,) = site.jobs_of(str(running["metadata"]["uid"]))
    site.pbs.set_scheduling(False)
    waiting = site.create("waiting")
    site.wait_jobs(str(waiting["metadata"]["uid"]), 1)
    refused = create(site, "refused", {"priority": "5"})
    site.wait_condition("refused", "PodScheduled", "annotation pbs-connector/priority is not allowed here")
    reload(site, "  default-walltime: 2h\n  annotations: [priority]\n",
           "changed are annotations, default-walltime")
    wait_job(site, waiting, Resource_List__walltime="02:00:00")
    wait_job(site, refused, Resource_List__walltime="02:00:00", Priority="5")
    assert site.jobs_of(str(running["metadata"]["uid"])) == [held]
    assert "walltime" not in held.request.listed and site.job_id_of("running") == held.id


@pytest.mark.simulated_pbs("the configuration's file is the broker's, and which PBS there is plays no part")
@pytest.mark.parametrize(("keys", "said"), [
    ("  default-walltime: 2h\n  limits:\n    cpu: much\n", "pbs-broker.limits.cpu must be a quantity (line {})"),
    ("  default-walltime: 2h\n  queeu: gpu\n", "pbs-broker.queeu is not a known key (line {})"),
    ("  default-walltime: 2h\n  queue: [\n", "line {}"),
])
def test_a_bad_file_changes_nothing_and_is_told_by_line_and_key(bare_site: Site, keys: str, said: str) -> None:
    site = bare_site
    site.pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("waiting")
    site.wait_jobs(str(pod["metadata"]["uid"]), 1)
    last = (site.connector.configuration + keys).count("\n") + (1 if "[" in keys else 0)
    reload(site, keys, "; all stays as it was")
    site.connector["pbs-broker"].wait_for_log(said.format(last))
    # A good one afterwards counts.
    reload(site, "  default-walltime: 3h\n", "changed are default-walltime")
    wait_job(site, pod, Resource_List__walltime="03:00:00")


@pytest.mark.simulated_pbs("the configuration's file is the broker's, and which PBS there is plays no part")
def test_what_needs_a_start_is_said_by_key(bare_site: Site) -> None:
    bare_site.connector.start()
    keys = "  submissions-in-flight: 3\n  hints-socket: /tmp/other.sock\n"
    reload(bare_site, keys, "nothing else has changed")
    for key in ("hints-socket", "submissions-in-flight"):
        bare_site.connector["pbs-broker"].wait_for_log(f"pbs-broker.{key} has changed, which counts from the next start on")
    bare_site.create("redis")
    bare_site.wait_bound("redis")


@pytest.mark.simulated_pbs("the configuration's file is the broker's, and which PBS there is plays no part")
def test_what_pbs_cannot_honour_may_be_ignored_by_namespace(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    spread: list[dict[str, Any]] = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
                                     "labelSelector": {"matchLabels": {"app": "a"}}}]
    site.create("spread", topologySpreadConstraints=spread)
    site.wait_condition("spread", "PodScheduled", "topologySpreadConstraint zone cannot be honoured by PBS")
    # What kubelet itself would refuse is refused in any case.
    site.create("picky", topologySpreadConstraints=spread, nodeSelector={"disk": "ssd"})
    site.pbs.set_scheduling(False)
    reload(site, "  namespaces:\n    default: {unsupported: ignore}\n", "changed are namespaces")
    event = site.wait_event("spread", "UnsupportedIgnored")
    assert event["type"] == "Warning"
    assert ("topologySpreadConstraint zone cannot be honoured by PBS, and is ignored "
            "(pbs-broker.namespaces.default.unsupported)") in event["message"]
    site.wait_condition("picky", "PodScheduled", "nodeSelector disk")
    site.pbs.set_scheduling(True)
    site.wait_bound("spread")
    assert site.node_of("picky") is None


@pytest.mark.simulated_pbs("the configuration's file is the broker's, and which PBS there is plays no part")
def test_node_state_is_carried_as_a_reload_says(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    cordon(site)
    reload(site, "  sync-nodes: true\n  sync-interval: 0.2\n  check-capacity: false\n  room-patience: 5\n",
           "changed are check-capacity, room-patience, sync-interval, sync-nodes")
    hosts = Hosts(site)
    hosts.wait(lambda offline, comment: offline and "cordoned" in comment)
    broker = site.connector["pbs-broker"]
    count = len(broker.lines)
    reload(site, "", "sync-nodes is off: hosts that are offline because of their nodes, and taints of nodes, stay as they are")
    assert hosts.state()[0]
    assert not any("counts from the next start on" in line for line in broker.lines[count:])
