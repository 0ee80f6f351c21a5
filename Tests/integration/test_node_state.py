"""Node state both ways (sync-nodes): hosts of PBS follow their nodes, and nodes their hosts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from integration.connector import REPOSITORY
from integration.site import Site
from simulators.pbs import PBSSimulator

MERGE = "application/merge-patch+json"
SYNC = "\n  sync-nodes: true\n  sync-interval: 0.2\n  sync-not-ready: 0.5\n  sync-down: 0.5\n  sync-rest: {rest}\n"
REST = 4.0


def configure(site: Site, rest: float = 0.0, more: str = "") -> None:
    """Writes the configuration: `more` are further lines of pbs-broker's."""
    text = site.connector.configuration.rstrip("\n") + SYNC.format(rest=rest) + more
    (site.connector.directory / "config.yaml").write_text(text)


def request(site: Site, method: str, path: str, body: Any = None, kind: str = MERGE) -> Any:
    if hasattr(site.kubernetes, "client"):
        return site.kubernetes.client.json(method, path, body, **({"content_type": kind} if method == "PATCH" else {}))
    return site.kubernetes.request(method, path, *([body, kind] if method == "PATCH" else []))


def node(site: Site, name: str = "node1") -> Any:
    return next(node for node in site.kubernetes.nodes() if node["metadata"]["name"] == name)


def patch(site: Site, body: Any, name: str = "node1") -> None:
    request(site, "PATCH", f"/api/v1/nodes/{name}", body)


def cordon(site: Site, on: bool = True) -> None:
    patch(site, {"spec": {"unschedulable": True if on else None}})


def taint(site: Site, name: str = "node1") -> str | None:
    """The value of our taint, which has effect NoSchedule."""
    taints = node(site, name)["spec"].get("taints") or []
    ours = [each for each in taints if each["key"] == "pbs-connector/offline"]
    assert all(each["effect"] == "NoSchedule" for each in ours)
    return ours[0].get("value", "") if ours else None


class Hosts:
    """PBS's hosts as it tells them."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def state(self, name: str = "node1") -> tuple[bool, str]:
        """Whether it is offline, and its comment."""
        pbs = self.site.pbs
        if isinstance(pbs, PBSSimulator):
            with pbs.lock:
                host = pbs.server.hosts[name]
                return host.offline, host.comment
        text = pbs.real.run("pbsnodes", "-v", name)
        values = dict(line.strip().split(" = ", 1) for line in text.splitlines() if " = " in line)
        return "offline" in values["state"].split(","), values.get("comment", "")

    def set_offline(self, offline: bool, comment: str | None = None, name: str = "node1") -> None:
        pbs = self.site.pbs
        if isinstance(pbs, PBSSimulator):
            pbs.set_offline(name, offline, comment)
        else:
            pbs.real.run("pbsnodes", "-o" if offline else "-r", *([] if comment is None else ["-C", comment]), name)

    def wait(self, holds: Callable[[bool, str], object], timeout: float = 20.0) -> None:
        deadline = time.monotonic() + timeout * self.site.patience
        while not holds(*self.state()):
            assert time.monotonic() < deadline, self.state()
            time.sleep(0.05)


@pytest.fixture
def hosts(either_site: Site) -> Iterator[Hosts]:
    """The hosts of a site that is as before afterwards."""
    site = either_site
    if not isinstance(site.pbs, PBSSimulator):
        site.pbs.let_submitter_operate()
    yield Hosts(site)
    for name in list(site.connector.processes):
        site.connector[name].stop()
    others = [each for each in node(site)["spec"].get("taints") or [] if each["key"] != "pbs-connector/offline"]
    patch(site, {"spec": {"unschedulable": None, "taints": others or None}, "metadata": {"labels": {"pbs.example/rack": None}}})
    Hosts(site).set_offline(False, "")


def ours(site: Site, reason: str) -> str:
    return f"pbs-connector {site.cluster}: {reason}"


def test_a_cordoned_nodes_host_goes_offline_and_comes_back(either_site: Site, hosts: Hosts) -> None:
    site = either_site
    configure(site)
    site.connector.start()
    cordon(site)
    hosts.wait(lambda offline, comment: offline and comment == ours(site, "cordoned"))
    # It does not answer itself: what is offline because of the node gives the node no taint.
    looks = node(site)["metadata"]["resourceVersion"]
    time.sleep(1)
    assert taint(site) is None
    assert node(site)["metadata"]["resourceVersion"] == looks or hasattr(site.kubernetes, "client")
    assert hosts.state("node2") == (False, "")
    # A restart of all knows it by the comment alone.
    for name in ("pbs-broker", "kube-watcher", "binder"):
        site.connector.restart(name)
    cordon(site, on=False)
    hosts.wait(lambda offline, comment: not offline and comment == "")


def test_a_listed_taint_takes_the_host_away(either_site: Site, hosts: Hosts) -> None:
    site = either_site
    configure(site, more="  sync-taints: [example.org/repair]\n")
    site.connector.start()
    kept = [each for each in node(site)["spec"].get("taints") or []]
    patch(site, {"spec": {"taints": [*kept, {"key": "example.org/repair", "effect": "NoSchedule"}]}})
    hosts.wait(lambda offline, comment: offline and comment == ours(site, "taint example.org/repair")[:79])
    patch(site, {"spec": {"taints": kept or None}})
    hosts.wait(lambda offline, _: not offline)


def test_what_an_administrator_took_away_stays_away(either_site: Site, hosts: Hosts) -> None:
    site = either_site
    configure(site)
    hosts.set_offline(True, "broken fan")
    site.connector.start()
    site.wait(lambda _: taint(site) == "offline")
    cordon(site)
    cordon(site, on=False)
    time.sleep(1)
    assert hosts.state() == (True, "broken fan")
    hosts.set_offline(False, "")
    site.wait(lambda _: taint(site) is None)
    # The node's taint was no reason to take the host away.
    assert hosts.state() == (False, "")


def test_anothers_comment_returns_with_the_host(either_site: Site, hosts: Hosts) -> None:
    site = either_site
    configure(site)
    hosts.set_offline(False, "rack 7")
    site.connector.start()
    cordon(site)
    hosts.wait(lambda offline, comment: offline and comment == ours(site, "cordoned") + "; before: rack 7")
    cordon(site, on=False)
    hosts.wait(lambda offline, comment: not offline and comment == "rack 7")


def test_who_gives_a_host_back_by_hand_is_not_overruled(either_site: Site, hosts: Hosts) -> None:
    site = either_site
    configure(site)
    site.connector.start()
    cordon(site)
    hosts.wait(lambda offline, _: offline)
    hosts.set_offline(False)
    time.sleep(1.5)
    assert hosts.state() == (False, ours(site, "cordoned"))
    cordon(site, on=False)
    hosts.wait(lambda offline, comment: not offline and comment == "")


def test_a_host_that_is_down_gives_its_node_a_taint(either_site: Site, hosts: Hosts) -> None:
    site = either_site
    configure(site)
    patch(site, {"spec": {"taints": [{"key": "example.org/kept", "value": "x", "effect": "NoExecute"}]}})
    site.connector.start()
    site.pbs.host_down("node1")
    site.wait(lambda _: taint(site) == "down")
    assert taint(site, "node2") is None
    # By the taint alone.
    for name in ("pbs-broker", "binder"):
        site.connector.restart(name)
    site.pbs.host_up("node1")
    site.wait(lambda _: taint(site) is None)
    assert [each["key"] for each in node(site)["spec"]["taints"]] == ["example.org/kept"]
    patch(site, {"spec": {"taints": None}})


def test_a_node_that_flaps_takes_its_host_along_once_in_a_while(either_site: Site, hosts: Hosts) -> None:
    site = either_site
    configure(site, rest=REST)
    site.connector.start()
    began = time.monotonic()
    states = [hosts.state()[0]]
    flips = 0
    while time.monotonic() - began < 1.8 * REST:
        flips += 1
        cordon(site, on=flips % 2 == 1)
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            if hosts.state()[0] != states[-1]:
                states.append(not states[-1])
            time.sleep(0.02)
    # Away, back, away, and back again after the rest.
    assert flips >= 8
    assert states.count(False) - 1 <= 1 + (time.monotonic() - began) / REST, states
    assert "stays offline in PBS until" in site.connector["pbs-broker"].log()
    cordon(site, on=False)
    hosts.wait(lambda offline, comment: not offline and comment == "")


def test_a_host_that_flaps_marks_its_node_once_in_a_while(either_site: Site, hosts: Hosts) -> None:
    site = either_site
    configure(site, rest=REST)
    site.connector.start()
    began = time.monotonic()
    marked = [False]
    flips = 0
    while time.monotonic() - began < 1.8 * REST:
        flips += 1
        hosts.set_offline(flips % 2 == 1, "broken fan" if flips % 2 == 1 else "")
        deadline = time.monotonic() + 0.6
        while time.monotonic() < deadline:
            if (taint(site) is not None) != marked[-1]:
                marked.append(not marked[-1])
            time.sleep(0.02)
    assert flips >= 6 and True in marked
    assert marked.count(False) - 1 <= 1 + (time.monotonic() - began) / REST, marked
    hosts.set_offline(False, "")
    site.wait(lambda _: taint(site) is None, 20)
    # Whatever its node was, nothing of the host was ours to change.
    assert hosts.state() == (False, "")


@pytest.mark.simulated_pbs("what the broker's user may do is the simulator's to say")
def test_without_the_right_in_pbs_it_is_said_and_tried_seldom(bare_site: Site) -> None:
    site = bare_site
    assert isinstance(site.pbs, PBSSimulator)
    site.pbs.settings.manager, site.pbs.settings.root_manages = "somebody", False
    configure(site)
    site.connector.start()
    cordon(site)
    broker = site.connector["pbs-broker"]
    broker.wait_for_log("sync-nodes: hosts of PBS follow their nodes")
    assert "Unauthorized Request" in broker.wait_for_log("cannot be changed in PBS")
    time.sleep(1.5)
    assert broker.log().count("cannot be changed in PBS") == 1
    assert "has to be an operator" in broker.log()
    assert Hosts(site).state() == (False, "")


@pytest.mark.simulated_pbs("the API server's part is looked at")
def test_without_the_right_to_patch_nodes_it_is_said_and_pods_are_bound(real_api_site: Site, tmp_path: Path) -> None:
    site = real_api_site
    site.kubernetes.apply(REPOSITORY / "deploy" / "rbac.yaml")
    token = site.kubernetes.service_account_token("pbs-connector", "binder")
    config = tmp_path / "binder.kubeconfig"
    site.kubernetes.write_kubeconfig(config, token=token)
    site.connector.kubeconfigs = {**site.connector.kubeconfigs, "binder": config}
    configure(site)
    site.connector.start()
    site.pbs.set_offline("node2", True, "broken fan")
    line = site.connector["binder"].wait_for_log("does not let us get nodes", 20)
    assert "deploy/rbac-nodes.yaml" in line
    site.create("runs")
    site.wait_bound("runs", 30)
    site.kubernetes.apply(REPOSITORY / "deploy" / "rbac-nodes.yaml")
    try:
        site.wait(lambda _: taint(site, "node2") == "offline", 30)
    finally:
        site.pbs.set_offline("node2", False, "")
        site.wait(lambda _: taint(site, "node2") is None, 30)
        for kind in ("clusterrolebindings", "clusterroles"):
            site.kubernetes.client.json("DELETE", f"/apis/rbac.authorization.k8s.io/v1/{kind}/pbs-connector-binder-nodes")
    assert site.connector["binder"].log().count("does not let us get nodes") == 1


@pytest.mark.simulated_pbs("no word of PBS is looked at")
def test_nothing_is_done_where_it_is_off(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    site.connector["pbs-broker"].wait_for_log("kube-watcher has told all")
    cordon(site)
    site.pbs.host_down("node2")
    site.create("runs")
    time.sleep(1)
    assert Hosts(site).state() == (False, "")
    assert taint(site, "node2") is None


@pytest.mark.simulated_pbs("a resource of a host's own")
def test_labels_show_what_pbs_has(either_site: Site, hosts: Hosts) -> None:
    site = either_site
    with site.pbs.lock:
        site.pbs.server.hosts["node1"].labels["rack"] = "r12"
    text = site.connector.configuration.rstrip("\n") + "\n  sync-interval: 0.2\n  labels-from-pbs: {pbs.example/rack: rack}\n"
    (site.connector.directory / "config.yaml").write_text(text)
    site.connector.start()
    site.wait(lambda _: node(site)["metadata"]["labels"].get("pbs.example/rack") == "r12")
    with site.pbs.lock:
        del site.pbs.server.hosts["node1"].labels["rack"]
    site.wait(lambda _: "pbs.example/rack" not in node(site)["metadata"]["labels"])


@pytest.mark.simulated_pbs("two brokers of one user share the nodes on a PBS of their own")
def test_one_of_two_brokers_acts_on_a_node(bare_site: Site) -> None:
    site, hosts = bare_site, Hosts(bare_site)
    configure(site)
    site.connector.start_process("kube-watcher")
    for broker in ("broker-a", "broker-b"):
        site.connector.start_process("pbs-broker", instance=broker)
    site.connector.start_process("binder", brokers=("broker-a", "broker-b"))
    for broker in ("broker-a", "broker-b"):
        site.connector[broker].wait_for_log("kube-watcher has told all")
    cordon(site)
    hosts.wait(lambda offline, _: offline)
    lines = [line for broker in ("broker-a", "broker-b") for line in site.connector[broker].lines if "is taken out of service" in line]
    assert len(lines) == 1
    # The other takes over.
    owner = next(broker for broker in ("broker-a", "broker-b") if "is taken out of service" in site.connector[broker].log())
    site.connector[owner].kill()
    cordon(site, on=False)
    hosts.wait(lambda offline, _: not offline)
