"""What a line of the log is about, for programs that read it, and how much is logged (docs/operations.md)."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from integration.connector import PROGRAMS, Connector, RunningProcess, program_folder
from integration.site import Site
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("it plays no part")


def objects(site: Site, program: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in site.connector[program].lines]


def start(site: Site, *options: str) -> None:
    for program in PROGRAMS:
        site.connector.start_process(program, options=options)


def test_json_lines_say_which_pod_and_job_they_are_about(bare_site: Site) -> None:
    site = bare_site
    start(site, "--log-format", "json")
    pod = site.create("redis")
    site.wait_bound("redis")
    (job,) = site.jobs_of(pod["metadata"]["uid"])
    site.connector["binder"].wait_for_log("successfully assigned")
    about = {"namespace": "default", "pod": "redis", "uid": pod["metadata"]["uid"]}
    for program, words, fields in (
            ("kube-watcher", "pod default/redis waits for a node", about),
            ("pbs-broker", f"associating job {job.id} to pod default/redis", {**about, "job": job.id}),
            ("pbs-broker", f"job {job.id} runs on node1", {**about, "job": job.id, "host": "node1"}),
            ("binder", "successfully assigned default/redis to node1", {**about, "job": job.id, "host": "node1"})):
        (line,) = [line for line in objects(site, program) if line["message"] == words]
        assert line.pop("time").endswith("Z")
        assert line == {"level": "info", "program": program, "message": words, **fields}
    for program in PROGRAMS:
        assert site.connector[program].stop() == 0
        assert objects(site, program)[-1]["message"].startswith("ends, peak memory")


def test_a_journal_that_is_away_gets_its_priorities_on_standard_error(bare_site: Site) -> None:
    if Path("/run/systemd/journal/socket").exists():
        pytest.skip("systemd's journal is here, and takes the lines")
    start(bare_site, "--log-format", "journald")
    bare_site.create("redis")
    assert bare_site.connector["binder"].wait_for_log("successfully assigned") == "<6>successfully assigned default/redis to node1"
    assert bare_site.connector["pbs-broker"].wait_for_log("kube-watcher has told all").startswith("<7>")


def test_a_signal_changes_how_much_is_logged(bare_site: Site) -> None:
    site = bare_site
    site.connector.log_level = "notice"
    site.connector.start()
    site.create("first")
    site.wait_bound("first")
    broker = site.connector["pbs-broker"]
    broker.signal(signal.SIGUSR2)
    broker.wait_for_log("log-level is debug now, by signal")
    assert not any("associating job" in line for line in broker.lines)
    site.create("second")
    broker.wait_for_log("to pod default/second")
    broker.signal(signal.SIGUSR2)
    broker.wait_for_log("log-level is notice now, by signal")
    site.create("third")
    site.wait_bound("third")
    assert not any("default/third" in line for line in broker.lines)


def test_the_level_is_read_again_on_sighup(bare_site: Site, tmp_path: Path) -> None:
    config = tmp_path / "own.yaml"
    config.write_text("log-level: error\nkube-watcher:\n")
    watcher = started_with(bare_site, config)
    watcher.signal(signal.SIGHUP)
    config.write_text("log-level: info\n")
    watcher.signal(signal.SIGHUP)
    watcher.wait_for_log("read the configuration again: log-level is info")
    config.write_text("log-level: [")
    watcher.signal(signal.SIGHUP)
    watcher.wait_for_log("all stays as it was")
    bare_site.create("redis")
    watcher.wait_for_log("pod default/redis waits for a node")
    config.write_text("log-level: loud\n")
    watcher.signal(signal.SIGHUP)
    watcher.wait_for_log("log-level: loud is none of")
    assert watcher.stop() == 0


def started_with(site: Site, config: Path) -> RunningProcess:
    """A kube-watcher whose log level this file says alone, once it is connected."""
    arguments = [str(program_folder() / "kube-watcher"), "--config", str(config), "--kubeconfig",
                 str(site.connector.kubeconfigs["kube-watcher"]), "--socket", str(site.connector.socket("kube-watcher"))]
    process = RunningProcess("kube-watcher", arguments, os.environ)
    site.connector.processes["kube-watcher"] = process
    with socket.socket(socket.AF_UNIX) as observer:
        observer.settimeout(20)
        while True:
            try:
                observer.connect(str(site.connector.socket("kube-watcher")))
                break
            except OSError:
                assert process.is_running, process.log()
                time.sleep(0.05)
        text = b""
        while b'"synced"' not in text:
            text += observer.recv(1 << 16)
    return process


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_credential_is_logged_at_any_level(tmp_path: Path, form: str) -> None:
    """Also not the one that the server has just refused, in the server's own words."""
    token = "secret-" + "t" * 40
    tokens = {token: "system:serviceaccount:pbs-connector:kube-watcher"}
    with PBSSimulator(tmp_path / "pbs", {"node1": {"ncpus": 2, "mem": "4gb"}}) as pbs, KubernetesSimulator(tokens=tokens) as api:
        kubeconfig = tmp_path / "kubeconfig"
        api.write_kubeconfig(kubeconfig, token=token)
        site = Site(api, pbs, Connector(tmp_path, {"kube-watcher": kubeconfig, "binder": kubeconfig}, pbs.exec_dir,
                                        log_level="trace"))
        try:
            start(site, "--log-format", form)
            site.create("redis")
            site.connector["pbs-broker"].wait_for_log("kube-watcher", 20)
            api.forget_token(token)
            api.close_watches()
            site.connector["kube-watcher"].wait_for_log("401", 20)
            assert token not in site.connector.logs()
        finally:
            site.connector.close()
