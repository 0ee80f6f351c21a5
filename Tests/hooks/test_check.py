"""hooks/install --check and --remove: what the execution hosts say of themselves."""
import json
import re
import time
from typing import Any, Dict
from urllib.parse import quote

import pytest

from hooks.execution_host import HOST_HOOK, literal
from hooks.test_install import Site, site  # noqa: F401
from hooks.test_neighbours import CGROUPS


def report(site: Site, **changes: str) -> str:  # noqa: F811
    """What a host tells where all is well, but for these changes."""
    from_server = {"hook": literal(HOST_HOOK, "HOOK_VERSION"), "configuration": digest(site)}
    checks = dict.fromkeys(("manifests", "placeholder", "clock", "policies"), "ok")
    values = dict(from_server, credential="ok node1", cgroups="ok v2", reservations="none", time=str(int(time.time())), **checks)
    return ";".join("%s:%s" % (name, quote(value)) for name, value in dict(values, **changes).items())


def digest(site: Site) -> str:  # noqa: F811
    """The version of the configuration, as a host computes it from its copy."""
    import hashlib
    text = site.hooks["pbs_kubernetes"]["application/x-config"]
    return hashlib.sha256(json.dumps(json.loads(text), sort_keys=True).encode()).hexdigest()[:12]


def vnode(host: str, state: str = "free", **attributes: str) -> Dict[str, str]:
    """A vnode as qmgr lists it."""
    return dict({"Mom": host, "state": state, "resources_available.host": host}, **attributes)


def with_hosts(site: Site, **reports: str) -> None:  # noqa: F811
    """Execution hosts that have told this."""
    site.change(nodes={host: dict(vnode(host), **({"resources_available.k8s_host": text} if text else {}))
                       for host, text in reports.items()})


@pytest.fixture
def installed(site: Site) -> Site:  # noqa: F811
    """A site with hooks."""
    assert site.install().returncode == 0
    return site


def test_hosts_where_all_is_well(installed: Site) -> None:
    with_hosts(installed, node1=report(installed), node2=report(installed, cgroups="off", manifests="off"))
    result = installed.install("--check")
    assert (result.returncode, result.stderr) == (0, "")
    head, first, second = result.stdout.splitlines()[-3:]
    assert re.split(r"  +", head) == ["host", "state", "static pods", "credential", "cgroups", "placeholder", "clock", "policies",
                                      "hook", "configuration", "told"]
    assert re.split(r"  +", first)[:8] == ["node1", "free", "ok", "ok node1", "ok v2", "ok", "ok", "ok"]
    assert re.split(r"  +", second)[2:5] == ["off", "ok node1", "off"]


@pytest.mark.parametrize("changes, complaint", [
    (dict(manifests="/m is no directory"), "static pods: /m is no directory"),
    (dict(credential="401: Unauthorized"), "credential: 401: Unauthorized"),
    (dict(clock="12 s behind the API server's"), "clock: 12 s behind the API server's"),
    (dict(placeholder="/p is not there as it should be"), "placeholder: /p is not there"),
    (dict(cgroups="no cgroups at /c"), "cgroups: no cgroups at /c"),
    (dict(hook="0123456789ab"), "runs version 0123456789ab of the hook instead of " + literal(HOST_HOOK, "HOOK_VERSION")),
    (dict(configuration=""), "runs version unknown of the configuration instead of "),
    (dict(time="1"), "has told nothing for "),
])
def test_a_host_with_a_fault(installed: Site, changes: Any, complaint: str) -> None:
    with_hosts(installed, node1=report(installed), node2=report(installed, **changes))
    result = installed.install("--check")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("install: host node2: " + complaint)


def test_hosts_that_say_nothing(installed: Site) -> None:
    with_hosts(installed, node1="", node2=report(installed))
    state = json.loads(installed.state.read_text())["nodes"]
    state["node2"]["state"] = "state-unknown,down"
    installed.change(nodes=state)
    result = installed.install("--check")
    assert result.returncode == 1
    assert [line.split(";")[0] for line in result.stderr.splitlines()] == [
        "install: host node1: has not told anything yet",
        "install: host node2: MoM does not answer (state-unknown, down)"]


def test_kubelets_policies_matter_beside_pbs_cgroups_only(installed: Site) -> None:
    with_hosts(installed, node1=report(installed, policies="CPU manager static"))
    result = installed.install("--check")
    assert result.returncode == 0 and "CPU manager static" in result.stdout
    installed.change(hooks=dict(installed.hooks, pbs_cgroups=CGROUPS), resources=dict(installed.resources, diag_messages="type=string"))
    result = installed.install("--check")
    assert result.returncode == 1 and "policies: CPU manager static: it and pbs_cgroups do not know of each other" in result.stderr


def test_a_host_with_several_vnodes_is_one_host(installed: Site) -> None:
    natural = dict(vnode("node1"), **{"resources_available.k8s_host": report(installed)})
    installed.change(nodes={"node1": natural, "node1[0]": vnode("node1"), "node1[1]": vnode("node1")})
    result = installed.install("--check")
    assert (result.returncode, result.stderr) == (0, "")
    assert len([line for line in result.stdout.splitlines() if line.startswith("node1")]) == 1


def test_it_waits_for_hosts_that_have_not_heard_yet(installed: Site) -> None:
    with_hosts(installed, node1=report(installed, hook="0123456789ab"), node2="")
    late = [{}, {"node1": report(installed)}, {"node2": report(installed)}]
    installed.change(told=late)
    assert installed.install("--check", "--wait", "60").returncode == 0


def parting(site: Site) -> Dict[str, Any]:  # noqa: F811
    """The configuration that the hosts had last."""
    return json.loads(site.hooks["pbs_kubernetes"]["application/x-config"])


def test_removal_waits_until_no_host_has_a_reservation(installed: Site) -> None:
    """The hosts get a configuration without reservations, and the hooks go when each has told that it has none."""
    with_hosts(installed, node1=report(installed, reservations="some"), node2=report(installed, reservations="some"))
    installed.configure(hosts={"node2": {"reserve": True}})
    installed.install()
    values = dict(parting(installed), reserve=False, suspend="ignore", suspend_devices="ignore")
    values["hosts"] = {"node2": {"reserve": False, "suspend": "ignore", "suspend_devices": "ignore"}}
    last = {"configuration": configuration_digest(values)}
    installed.change(told=[{}, {}, {"node1": report(installed, **last)}, {"node2": report(installed, reservations="some", **last)},
                           {"node2": report(installed, **last)}])
    done = len(installed.directives)
    result = installed.install("--remove", "--wait", "60")
    assert (result.returncode, result.stderr) == (0, "") and installed.hooks == {}
    directives = installed.directives[done:]
    assert directives[0].startswith("import hook pbs_kubernetes application/x-config default")
    assert directives[-2:] == ["unset node node1 resources_available.k8s_host", "unset node node2 resources_available.k8s_host"]
    assert json.loads(installed.state.read_text())["told"] == []


def configuration_digest(values: Dict[str, Any]) -> str:
    """The version of a configuration."""
    import hashlib
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def test_hosts_that_cannot_be_waited_for_are_named(installed: Site) -> None:
    with_hosts(installed, node1=report(installed, reservations="some"), node2="")
    state = json.loads(installed.state.read_text())["nodes"]
    state["node2"]["state"] = "down"
    installed.change(nodes=state)
    result = installed.install("--remove", "--wait", "0")
    assert result.returncode == 0 and installed.hooks == {}
    assert result.stderr == (
        "left: host node1: did not say in time that it has no reservation any more: remove pbs-*.json from kubelet's "
        "directory for static pods there\n"
        "left: host node2: MoM does not answer: remove pbs-*.json from kubelet's directory for static pods there\n")


def test_resources_are_removed_without_a_wait(installed: Site) -> None:
    """Meanwhile hooks would run, after which the server may crash."""
    with_hosts(installed, node1=report(installed, reservations="some"))
    result = installed.install("--remove-resources")
    assert result.returncode == 0 and installed.hooks == {} and installed.resources == {}
    assert "waiting" not in result.stdout


@pytest.mark.parametrize("queue, noted", [
    ({}, True), ({"kill_delay": "10"}, True), ({"kill_delay": "30"}, True), ({"kill_delay": "60"}, False),
    ({"queue_type": "Route"}, False)])
def test_a_queue_that_gives_a_place_away_too_soon(installed: Site, queue: Dict[str, str], noted: bool) -> None:
    """It is said and is no fault: not every queue is for pods."""
    with_hosts(installed, node1=report(installed))
    installed.change(queues={"workq": dict({"queue_type": "Execution"}, **queue)})
    result = installed.install("--check")
    assert (result.returncode, result.stderr) == (0, "")
    assert ("queue workq: kill_delay is" in result.stdout and "set queue workq kill_delay = 60" in result.stdout) == noted
