"""`pbs-broker status`: one screen of what the sockets tell."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from integration.connector import program_folder
from integration.site import Site


def status(site: Site, *arguments: str) -> "subprocess.CompletedProcess[str]":
    sockets = ["--watcher", str(site.connector.socket("kube-watcher")), "--socket", str(site.connector.socket("pbs-broker"))]
    return subprocess.run([program_folder() / "pbs-broker", *sockets, "status", *arguments],
                          capture_output=True, text=True, timeout=60, cwd="/")


@pytest.mark.simulated_pbs("nothing of PBS is asked")
def test_pods_are_counted_by_state_and_by_what_they_wait_for(site: Site) -> None:
    """Pods that wait for the same are one line, whatever number their job has."""
    site.connector.start()
    site.create("runs")
    site.wait_bound("runs")
    for name in ("a", "b"):
        site.create(name, cpu="4000")
        site.wait_condition(name, "PodScheduled", "job ")
    site.create("gated", schedulingGates=[{"name": "later"}])
    site.create("refused", nodeSelector={"disk": "ssd"})
    site.wait_condition("refused", "PodScheduled", "disk")
    site.wait(lambda _: "1 gated, 3 waiting" in status(site).stdout)
    shown = status(site)
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"^kube-watcher: \S+ answers$", shown.stdout, re.MULTILINE)
    assert re.search(r"^pods: +1 gated, 3 waiting, \d bound, \d running, 0 terminating, 0 finished$", shown.stdout, re.MULTILINE)
    assert re.search(r"^ +2  .*Insufficient amount of resource", shown.stdout, re.MULTILINE), shown.stdout
    assert re.search(r"^ +1  nodeSelector disk cannot be honoured by PBS", shown.stdout, re.MULTILINE)
    assert re.search(r"^nodes: +2$", shown.stdout, re.MULTILINE)


@pytest.mark.simulated_pbs("nothing of PBS is asked")
def test_a_socket_that_does_not_answer_is_said(site: Site) -> None:
    """What the other one tells is shown all the same."""
    site.connector.start()
    site.create("runs")
    site.wait_bound("runs")
    site.connector["pbs-broker"].kill()
    shown = status(site)
    assert shown.returncode == 1
    assert re.search(r"^pbs-broker: +does not answer: cannot connect to .*pbs-broker.sock: ", shown.stdout, re.MULTILINE)
    assert re.search(r"^pods: ", shown.stdout, re.MULTILINE) and "unanswered" not in shown.stdout


@pytest.mark.simulated_pbs("nothing of PBS is asked")
def test_the_screen_is_drawn_anew(site: Site) -> None:
    """With the rate of bindings since the one before."""
    site.connector.start()
    site.create("runs")
    site.wait_bound("runs")
    process = subprocess.Popen(
        [program_folder() / "pbs-broker", "--watcher", str(site.connector.socket("kube-watcher")), "--socket",
         str(site.connector.socket("pbs-broker")), "status", "--watch", "0.2"], stdout=subprocess.PIPE, text=True, cwd="/")
    try:
        assert process.stdout is not None
        seen = ""
        while seen.count("\x1b[2J") < 3:
            seen += process.stdout.read(1)
        assert re.search(r"^bound: +0.0 pods/s$", seen, re.MULTILINE)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("arguments, code, words", [
    (["--watch", "0"], 64, "--watch takes 0.1 to 3600 seconds"),
    (["--config", "/nonexistent/config.yaml"], 2, "/nonexistent/config.yaml"),
])
def test_mistakes_are_one_line(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    before = arguments if arguments[0] == "--config" else []
    after = [] if before else arguments
    shown = subprocess.run([program_folder() / "pbs-broker", *before, "status", *after], capture_output=True, text=True, timeout=60)
    assert (shown.returncode, shown.stdout) == (code, "") and words in shown.stderr
