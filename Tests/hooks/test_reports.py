"""What an execution host tells the server of itself."""
import json
import os
import time
from typing import Any, Dict
from urllib.parse import unquote

import pytest

from hooks.cgroup_tree import PodCgroup
from hooks.execution_host import HOST_HOOK, POD_UID, ExecutionHost, literal, native_job
from hooks.kubernetes_node import Node

CHECKS = ("manifests", "credential", "cgroups", "placeholder", "clock", "policies")


def told(host: ExecutionHost) -> Dict[str, str]:
    """The host's report as the server has it."""
    text = host.vnode["k8s_host"]
    assert not set(text) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~/()+:;%"), text
    return {name: unquote(value) for name, _, value in (part.partition(":") for part in text.split(";"))}


def test_a_host_where_all_is_well(node: Node) -> None:
    PodCgroup(node.cgroups, 2, POD_UID)
    node.periodic()
    report = told(node)
    assert {name: report[name] for name in CHECKS} == {
        "manifests": "ok", "credential": "ok node1", "cgroups": "ok v2", "placeholder": "ok", "clock": "ok", "policies": "ok"}
    assert report["hook"] == literal(HOST_HOOK, "HOOK_VERSION") and len(report["hook"]) == 12
    assert report["reservations"] == "none" and abs(int(report["time"]) - time.time()) < 60


def test_only_news_are_told_and_the_api_is_asked_once(node: Node) -> None:
    PodCgroup(node.cgroups, 2, POD_UID)
    node.periodic()
    first, asked = told(node), len(node.asked())
    node.vnode.clear()
    node.periodic()
    assert node.vnode == {} and len(node.asked()) == asked
    node.configure(namespace="batch")
    node.periodic()
    assert told(node)["configuration"] != first["configuration"] and len(node.asked()) > asked


def test_it_is_told_again_after_a_while_and_after_a_restart_of_mom(node: Node) -> None:
    PodCgroup(node.cgroups, 2, POD_UID)
    node.periodic()
    record = node.directory / "mom_priv" / "pbs_kubernetes.report"
    values = json.loads(record.read_text())
    record.write_text(json.dumps(dict(values, time=str(int(time.time()) - 601))))
    node.vnode.clear()
    node.periodic()
    assert told(node)["hook"] == values["hook"]
    node.vnode.clear()
    node.startup()
    node.periodic()
    assert "k8s_host" in node.vnode


@pytest.mark.parametrize("text", ["", "[]", "{", '{"time": 1, "hook": null}'])
def test_a_record_that_makes_no_sense(host: ExecutionHost, text: str) -> None:
    (host.directory / "mom_priv" / "pbs_kubernetes.report").write_text(text)
    host.periodic()
    assert told(host)["manifests"] == "ok"


def test_what_is_wrong_is_told_and_looked_at_each_time(node: Node) -> None:
    os.rmdir(str(node.manifests))
    node.kubeconfig.write_text(node.kubeconfig.read_text().replace("node1-token", "no such token"))
    node.periodic()
    report = told(node)
    assert report["manifests"] == "%s is no directory" % node.manifests
    assert report["credential"].startswith("401: ") and report["clock"] == "off"
    assert report["cgroups"] == "no cgroups at %s" % node.cgroups
    node.manifests.mkdir()
    node.kubernetes.write_kubeconfig(node.kubeconfig, token="node1-token")
    PodCgroup(node.cgroups, 2, POD_UID)
    node.periodic()
    assert (told(node)["manifests"], told(node)["credential"], told(node)["cgroups"]) == ("ok", "ok node1", "ok v2")


def test_a_host_whose_node_is_not_there_or_not_ready(node: Node) -> None:
    node.configure(node="node7")
    node.periodic()
    assert "no node is named node7" in told(node)["credential"] or told(node)["credential"].startswith("403")
    node.configure(node="")
    node.kubernetes.set_node_ready("node1", False)
    node.periodic()
    assert told(node)["credential"] == "node node1 is not Ready"


def test_what_is_turned_off(host: ExecutionHost) -> None:
    host.configure(kubelet_config="", cgroup_root="", placeholder="")
    host.periodic()
    assert {name: told(host)[name] for name in CHECKS} == dict(dict.fromkeys(CHECKS, "off"), policies="ok")


def test_values_that_pbs_would_not_pass_on(host: ExecutionHost) -> None:
    host.configure(kubelet_config='/no/"such";a=b,c [d]\n')
    host.periodic()
    assert told(host)["manifests"] == '/no/"such";a=b,c [d]\n is no directory'


def test_a_configuration_has_the_same_version_however_it_is_written(host: ExecutionHost) -> None:
    host.periodic()
    first = told(host)["configuration"]
    host.configuration.write_text(json.dumps(dict(reversed(list(host.settings.items()))), indent=4) + "\n")
    host.startup()
    host.periodic()
    assert told(host)["configuration"] == first


@pytest.mark.skipif("HOOKS_PYTHON" in os.environ, reason="another process does not see the patch")
def test_a_pbs_without_the_resource(host: ExecutionHost, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(dict):  # type: ignore[type-arg]
        def __setitem__(self, name: str, value: Any) -> None:
            raise AttributeError(name)

    monkeypatch.setattr("hooks.pbs_stand_in.Resources", Refusing)
    outcome = host.periodic(native_job())
    assert outcome.rejected is None and len(host.files()) == 1
    assert "cannot tell the server how this host is" in outcome.messages()
    assert not (host.directory / "mom_priv" / "pbs_kubernetes.report").exists(), "the next event tries again"


def test_reservations_that_are_left(host: ExecutionHost) -> None:
    host.run("EXECJOB_BEGIN", native_job())
    host.periodic(native_job())
    assert told(host)["reservations"] == "some"
    host.configure(reserve=False)
    outcome = host.periodic(native_job())
    assert told(host)["reservations"] == "none" and host.files() == []
    assert "released its share" in outcome.messages()
    assert host.run("EXECJOB_BEGIN", native_job()).rejected is None and host.files() == []
    assert told(host)["manifests"] == "off"
