"""The connector does its work on an API server under the admission policies and the rights of deploy/."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from deploy.guarded_server import Guarded, Object
from integration.connector import Connector
from integration.site import pod_manifest
from simulators.pbs import PBSSimulator

CONFIGURATION = "pbs-broker:\n  look-interval: 0.1\n  connections-per-minute: 100000\n"


def test_the_connector_binds_reports_and_evicts_under_the_policies(guarded: Guarded, tmp_path: Path) -> None:
    server = guarded.server
    configs = {program: tmp_path / f"{program}.kubeconfig" for program in ("kube-watcher", "binder")}
    for program, config in configs.items():
        server.write_kubeconfig(config, token=server.service_account_token("pbs-connector", program))
    for pod in server.pods():
        server.remove_pod(pod["metadata"]["namespace"], pod["metadata"]["name"])

    def seen(name: str, holds: Callable[[Object], object]) -> None:
        server.wait(lambda _: (pod := server.pod("project", name)) is not None and holds(pod), 30)

    def has_event(name: str, reason: str) -> bool:
        return any(each["involvedObject"]["name"] == name and each["reason"] == reason for each in server.events("project"))

    def condition(pod: Object, kind: str) -> str:
        return next((each["status"] for each in pod["status"].get("conditions", []) if each["type"] == kind), "")

    with PBSSimulator(tmp_path / "pbs", {node: {"ncpus": 4, "mem": "8gb"} for node in ("node1", "node2")}) as pbs:
        connector = Connector(tmp_path, configs, pbs.exec_dir, configuration=CONFIGURATION)
        try:
            connector.start()
            guarded.clients["alice"].json("POST", "/api/v1/namespaces/project/pods", pod_manifest("runs", namespace="project"))
            guarded.clients["alice"].json("POST", "/api/v1/namespaces/project/pods",
                                          pod_manifest("waits", cpu="100", namespace="project"))
            seen("runs", lambda pod: pod["spec"].get("nodeName") and condition(pod, "PodScheduled") == "True")
            seen("waits", lambda pod: condition(pod, "PodScheduled") == "False" and has_event("waits", "FailedScheduling"))
            for job in [job for job in list(pbs.jobs.values()) if job.name == "runs"]:
                pbs.delete(job.id, user="root")
            seen("runs", lambda pod: "deletionTimestamp" in pod["metadata"] and has_event("runs", "JobEnded"))
            seen("runs", lambda pod: condition(pod, "DisruptionTarget") == "True")
            assert "Forbidden" not in connector["binder"].log()
        finally:
            print(connector.logs())
            connector.close()
