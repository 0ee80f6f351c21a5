"""The main job, shown: python3 -m demo (PYTHONPATH=Tests). A pod becomes a PBS job and is bound to its host.

With a KUBECONFIG in the environment and PBS's commands in PATH the demo uses those; else the simulators.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator

from integration.connector import REPOSITORY, Connector
from simulators.kubernetes import Kubelet, KubernetesSimulator
from simulators.pbs import PBSSimulator

EXAMPLE = REPOSITORY / "deploy" / "examples" / "redis-pbs.yaml"


@contextlib.contextmanager
def kubernetes(directory: Path) -> Iterator[Path]:
    """A kubeconfig: the user's, or that of a simulator."""
    own = os.environ.get("KUBECONFIG")
    if own:
        yield Path(own)
        return
    with KubernetesSimulator(kubelet=Kubelet()) as simulator:
        for node in ("node1", "node2"):
            simulator.create_node(node)
        simulator.write_kubeconfig(directory / "kubeconfig")
        yield directory / "kubeconfig"


@contextlib.contextmanager
def pbs(directory: Path) -> Iterator[Path]:
    """A PBS_EXEC: that of the commands in PATH when a KUBECONFIG was given, or that of a simulator."""
    qsub = shutil.which("qsub")
    if os.environ.get("KUBECONFIG") and qsub:
        yield Path(qsub).parent.parent
        return
    host: dict[str, int | str] = {"ncpus": 2, "mem": "24684096kb"}
    with PBSSimulator(directory / "pbs", {"node1": host, "node2": host}, first_id=5) as simulator:
        yield simulator.exec_dir


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def until(what: str, condition: Callable[[], Any], seconds: float = 60) -> None:
    """Poll, since kubectl and a foreign server offer nothing to wait on."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"demo: {what} did not happen within {seconds:g} s")
        time.sleep(0.2)


def main() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise SystemExit("demo: no kubectl in PATH: install Debian's package kubernetes-client")
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = stack.enter_context(kubernetes(directory))
        exec_dir = stack.enter_context(pbs(directory))
        connector = Connector(directory, {"kube-watcher": config, "binder": config}, exec_dir, log_level="info")
        stack.callback(connector.close)

        def ask(*arguments: str) -> str:
            return run(str(kubectl), "--kubeconfig", str(config), *arguments)

        connector.start()
        ask("create", "-f", str(EXAMPLE))
        try:
            until("the binding", lambda: "successfully assigned default/redis" in connector["binder"].log())
            for name, process in connector.processes.items():
                for line in process.lines:
                    if any(word in line for word in ("waits for", "associating", "runs on", "successfully")):
                        program, message = line.split(": ", 1)
                        print(f"{program + ':':<13} {message}")
            print()
            print(ask("get", "pods", "-o", "wide"))
            print(run(str(exec_dir / "bin" / "qstat"), "-s"))
            job = ask("get", "pod", "redis", "-o", "jsonpath={.metadata.annotations.pbs-connector/job-id}")
        except BaseException:
            print(connector.logs(), file=sys.stderr)
            raise
        finally:
            ask("delete", "pod", "redis", "--grace-period=1")
        until("the job's end", lambda: job not in run(str(exec_dir / "bin" / "qselect")).split())
        print(f"demo: pod default/redis deleted, job {job} has ended")


if __name__ == "__main__":
    main()
