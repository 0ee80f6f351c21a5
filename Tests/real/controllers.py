"""A real kube-controller-manager with the controllers of volume claims, beside the API server of its release."""

from __future__ import annotations

import subprocess
from pathlib import Path

from real.kubernetes import RealKubernetes, find_program

# By the names of 1.28 and later.
CONTROLLERS = ("persistentvolume-binder-controller", "ephemeral-volume-controller", "persistentvolumeclaim-protection-controller")


def missing() -> str | None:
    """Why none can run here, in one line; None when one can."""
    server, manager = find_program("kube-apiserver"), find_program("kube-controller-manager")
    if server is None or manager is None or Path(server).parent != Path(manager).parent:
        return "no kube-controller-manager beside kube-apiserver"
    return None


class Controllers:
    """Runs until it is closed."""

    def __init__(self, server: RealKubernetes) -> None:
        program = find_program("kube-controller-manager")
        assert program is not None, "missing() is asked first"
        kubeconfig = server.write_kubeconfig(server.directory / "controllers.kubeconfig")
        with open(server.directory / "kube-controller-manager.log", "ab") as log:
            self._process = subprocess.Popen(
                [program, f"--kubeconfig={kubeconfig}", f"--controllers={','.join(CONTROLLERS)}", "--leader-elect=false", "--secure-port=0",
                 # Seconds between looks at claims of which nothing was heard.
                 "--pvclaimbinder-sync-period=2s"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
