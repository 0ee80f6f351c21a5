"""`kubectl pbs`: what a user sees of his pods and their jobs, with kubectl's rights and PBS's commands, or without them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from integration.connector import program_folder
from integration.site import Site

PLUGIN = Path(__file__).parents[2] / "deploy/kubectl/kubectl-pbs"


def plugin(site: Site, tmp_path: Path, *arguments: str, pbs: bool = True) -> "subprocess.CompletedProcess[str]":
    """`kubectl pbs ARGUMENTS`, as kubectl runs it; without `pbs` on a host that has no PBS commands."""
    environment = dict(site.pbs.environment)
    folders = [str(program_folder())] + [environment["PATH"]] * pbs + ["/usr/bin", "/bin"]
    tools = tmp_path / "tools"
    tools.mkdir(exist_ok=True)
    if not pbs:
        # Only kubectl and Python: a machine may have PBS in /usr/bin.
        for name, path in (("kubectl", shutil.which("kubectl")), ("python3", sys.executable)):
            if path and not (tools / name).exists():
                (tools / name).symlink_to(path)
        folders = [str(tools)]
    environment.update(PATH=":".join(folders), KUBECONFIG=str(tmp_path / "kubeconfig"))
    return subprocess.run([sys.executable, PLUGIN, *arguments], env=environment, capture_output=True, text=True, timeout=60)


def rows(site: Site, tmp_path: Path, *arguments: str, pbs: bool = True) -> dict[str, dict[str, str]]:
    done = plugin(site, tmp_path, "get", "-o", "json", *arguments, pbs=pbs)
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


@pytest.fixture
def two_pods(either_site: Site) -> Site:
    """A pod that runs, and one that never can."""
    either_site.connector.start()
    either_site.create("runs")
    either_site.wait_bound("runs")
    either_site.create("waits", cpu="4000")
    either_site.wait_condition("waits", "PodScheduled", "job ")
    return either_site


@pytest.mark.simulated_pbs("its commands are in a folder of their own, so that they can be left out")
def test_get_shows_pods_with_their_jobs(two_pods: Site, tmp_path: Path) -> None:
    """With PBS's commands the queue and the user, without them what Kubernetes alone has; controls are written out."""
    two_pods.create("refused", nodeSelector={"disk": "ssd"})
    two_pods.wait_condition("refused", "PodScheduled", "disk")
    two_pods.create("other", scheduler="default-scheduler")
    full = rows(two_pods, tmp_path)
    assert set(full) == {"runs", "waits", "refused"}
    assert full["runs"]["job"] == two_pods.job_id_of("runs")
    assert full["runs"]["host"] == two_pods.node_of("runs")
    assert (full["runs"]["queue"], full["waits"]["state"]) == ("workq", "Queued")
    assert full["waits"]["says"].startswith("Can Never Run") or "Insufficient" in full["waits"]["says"]
    assert "disk" in full["refused"]["says"] and full["refused"]["state"] == "No job"
    bare = rows(two_pods, tmp_path, pbs=False)
    assert {name: row["job"] for name, row in bare.items()} == {name: row["job"] for name, row in full.items()}
    assert (bare["waits"]["state"], bare["waits"]["user"]) == ("Waiting", "")
    assert bare["waits"]["says"] == full["waits"]["says"]
    shown = plugin(two_pods, tmp_path, "get", "-A", "-o", "wide")
    heading, *lines = shown.stdout.splitlines()
    assert heading.split()[:4] == ["NAMESPACE", "NAME", "JOB", "STATE"] and len(lines) == 3


@pytest.mark.simulated_pbs("its commands are in a folder of their own, so that they can be left out")
def test_get_watches(two_pods: Site, tmp_path: Path) -> None:
    """Each change is a line, until it is interrupted."""
    environment = dict(two_pods.pbs.environment, KUBECONFIG=str(tmp_path / "kubeconfig"))
    process = subprocess.Popen([sys.executable, PLUGIN, "get", "-w"], env=environment, stdout=subprocess.PIPE, text=True,
                               start_new_session=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("NAME")
        assert {process.stdout.readline().split()[0] for _ in range(2)} == {"runs", "waits"}
        two_pods.create("later")
        assert process.stdout.readline().split()[0] == "later"
    finally:
        os.killpg(process.pid, 9)
        process.wait()


@pytest.mark.simulated_pbs("its commands are in a folder of their own, so that they can be left out")
def test_history_is_in_order(two_pods: Site, tmp_path: Path) -> None:
    """Kubernetes' Events and PBS's times, by time; a pod without any is an error."""
    two_pods.wait_event("runs", "Scheduled")
    done = plugin(two_pods, tmp_path, "history", "runs", "-n", "default")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()[1:]
    assert any("Scheduled" in line for line in lines)
    assert [line.split()[0] for line in lines] == sorted(line.split()[0] for line in lines)
    nothing = plugin(two_pods, tmp_path, "history", "nobody")
    assert (nothing.returncode, nothing.stdout) == (1, "") and "no Events of pod nobody" in nothing.stderr


@pytest.mark.simulated_pbs("a native job is submitted")
def test_ls_jobs_compares_both_sides(two_pods: Site, tmp_path: Path) -> None:
    """A pod's job is seen by both; a native job without hooks by PBS alone."""
    node = two_pods.node_of("runs")
    native = two_pods.pbs.submit(select=f"1:ncpus=1:host={node}")
    two_pods.pbs.wait_for_state(native.id, "R", 42)
    done = plugin(two_pods, tmp_path, "ls-jobs", str(node))
    assert done.returncode == 0, done.stderr
    told = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert " both " in told[str(two_pods.job_id_of("runs"))] and "default/runs" in told[str(two_pods.job_id_of("runs"))]
    assert "PBS only" in told[native.id]
    done = plugin(two_pods, tmp_path, "ls-jobs", str(node), pbs=False)
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [two_pods.job_id_of("runs")]


@pytest.mark.simulated_pbs("nothing of PBS is asked")
def test_explain_is_pbs_brokers(site: Site, tmp_path: Path) -> None:
    """With its exit status; without pbs-broker one line says so."""
    manifest = tmp_path / "pod.yaml"
    manifest.write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  schedulerName: pbs\n"
                        "  containers: [{name: a, image: a, resources: {requests: {cpu: 2}}}]\n")
    done = plugin(site, tmp_path, "explain", "-f", str(manifest))
    assert done.returncode == 0 and "ncpus=2" in done.stdout, done.stderr
    done = plugin(site, tmp_path, "explain", "-f", str(manifest), pbs=False)
    assert done.returncode == 1 and "pbs-broker, which is not in PATH" in done.stderr


@pytest.mark.simulated_pbs("nothing of PBS is asked")
def test_mistakes_are_one_line(site: Site, tmp_path: Path) -> None:
    for arguments, words in ((("get", "nobody"), "not found"), ((), "which command?"), (("history", "a", "-A"), "name its namespace"),
                             (("get", "-w", "-o", "json"), "with a table only")):
        done = plugin(site, tmp_path, *arguments)
        assert done.returncode != 0 and done.stdout == "" and words in done.stderr, arguments
        assert "Traceback" not in done.stderr
