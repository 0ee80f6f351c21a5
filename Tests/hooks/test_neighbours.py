"""hooks/install beside other hooks of the same events."""
from typing import Dict

import pytest

from hooks.test_install import Site, site  # noqa: F401

# PBS's own, as qmgr lists it.
CGROUPS = {"enabled": "true", "order": "100", "freq": "120",
           "event": "execjob_begin,execjob_epilogue,execjob_end,execjob_launch,execjob_attach,exechost_periodic"}


def with_cgroups(site: Site, **hooks: Dict[str, str]) -> None:  # noqa: F811
    """pbs_cgroups is on, and has been since MoM's start."""
    site.change(hooks=dict(hooks, pbs_cgroups=CGROUPS), resources=dict(site.resources, diag_messages="type=string"))


def other(order: str, event: str = "execjob_epilogue", enabled: str = "true") -> Dict[str, str]:
    """A hook of the site's."""
    return {"enabled": enabled, "order": order, "event": event}


def test_alone(site: Site) -> None:  # noqa: F811
    result = site.install()
    assert site.hooks["pbs_kubernetes"]["order"] == "200"
    assert "no other hook is on the events of pbs_kubernetes\n" in result.stdout
    assert site.install("--check").returncode == 0


def test_it_comes_after_pbs_cgroups_and_says_so(site: Site) -> None:  # noqa: F811
    with_cgroups(site, submit_filter=other("5", "queuejob,modifyjob", "false"))
    result = site.install()
    assert (result.returncode, result.stderr) == (0, "")
    assert site.hooks["pbs_kubernetes"]["order"] == "200" and site.hooks["pbs_kubernetes_server"]["order"] == "1"
    host, server = result.stdout.split("hooks on the events of ")[1:]
    assert [line.split(":")[0].strip() for line in host.splitlines()[1:3]] == ["pbs_cgroups (order 100)", "pbs_kubernetes (order 200)"]
    assert "pbs_cgroups (order 100): execjob_begin, execjob_epilogue, execjob_end, execjob_attach, exechost_periodic" in host
    assert "submit_filter (order 5, switched off): queuejob, modifyjob" in server


def test_an_earlier_release_had_pbss_default(site: Site) -> None:  # noqa: F811
    site.install()
    state = site.hooks
    state["pbs_kubernetes"]["order"] = "1"
    site.change(hooks=dict(state, pbs_cgroups=dict(CGROUPS, enabled="false")))
    assert site.install("--check").returncode == 0, "one that is switched off overwrites nothing"
    with_cgroups(site, **state)
    result = site.install("--check")
    assert result.returncode == 1 and site.hooks["pbs_kubernetes"]["order"] == "1", "it changes nothing"
    assert result.stderr == (
        "install: hook pbs_cgroups (order 100) runs after pbs_kubernetes (order 1) and may overwrite what pods used: "
        "qmgr -c \"set hook pbs_kubernetes order = 200\"\n")
    done = len(site.directives)
    assert site.install().returncode == 0 and site.hooks["pbs_kubernetes"]["order"] == "200"
    assert not [d for d in site.directives[done:] if "enabled = false" in d], "jobs run: no event may be missed"
    assert site.install("--check").returncode == 0


@pytest.mark.parametrize("event, order, wanted", [
    ("execjob_epilogue", "300", "301"), ("exechost_periodic", "200", "201"), ("execjob_end", "300", "200"),
    ("queuejob", "900", "200"), ("execjob_epilogue", "150", "200"), ("execjob_epilogue", "999", "1000")])
def test_the_order_is_above_that_of_all_that_may_account(site: Site, event: str, order: str, wanted: str) -> None:  # noqa: F811
    site.change(hooks={"site_usage": other(order, event)})
    assert site.install().returncode == 0
    assert site.hooks["pbs_kubernetes"]["order"] == wanted
    assert site.install("--check").returncode == 0


def test_an_order_of_the_sites_own_stays_where_it_does(site: Site) -> None:  # noqa: F811
    site.install()
    state = site.hooks
    state["pbs_kubernetes"]["order"] = "500"
    site.change(hooks=state)
    site.install()
    assert site.hooks["pbs_kubernetes"]["order"] == "500"


def test_nothing_comes_after_the_highest_order(site: Site) -> None:  # noqa: F811
    site.change(hooks={"site_usage": other("1000")})
    result = site.install()
    assert result.returncode == 0 and "site_usage (order 1000) runs after pbs_kubernetes" in result.stderr
    assert "give it a lower order" in result.stderr
    assert site.install("--check").returncode == 1


def test_what_is_not_in_force(site: Site) -> None:  # noqa: F811
    result = site.install("--check")
    assert result.returncode == 1 and site.directives == []
    assert result.stderr == ("install: hook pbs_kubernetes is not installed\n"
                             "install: hook pbs_kubernetes_server is not installed\n")
    site.install()
    state = site.hooks
    state["pbs_kubernetes"]["enabled"] = "false"
    site.change(hooks=state)
    result = site.install("--check")
    assert result.returncode == 1 and "hook pbs_kubernetes is switched off" in result.stderr


def test_a_resource_that_pbs_cgroups_needs_for_any_usage_to_arrive(site: Site) -> None:  # noqa: F811
    """Seen: without it the server drops every update of a job's usage, and says so in its log only."""
    site.change(hooks={"pbs_cgroups": CGROUPS})
    assert "the server knows no resource diag_messages yet" in site.install().stderr
    result = site.install("--check")
    assert result.returncode == 1 and 'qmgr -c "create resource diag_messages type=string"' in result.stderr
    with_cgroups(site, **site.hooks)
    assert site.install("--check").returncode == 0
