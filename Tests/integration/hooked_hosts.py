"""The PBS hooks beside a simulated PBS: they are run for what happens to its jobs, with the events that PBS would send."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from hooks.execution_host import SERVER_HOOK, ExecutionHost
from hooks.pbs_stand_in import Event, Job, Outcome, run_hook
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator
from simulators.pbs.record import RecordEntry

# Exit_status that a host reports of a job that is to be run again (JOB_EXEC_RERUN).
RERUN = -11


def tokens(hosts: list[str]) -> dict[str, Any]:
    """Tokens of an administrator and of each host's kubelet, for KubernetesSimulator."""
    return {"administrator": ("admin", ["system:masters"]),
            **{f"{host}-token": (f"system:node:{host}", ["system:nodes"]) for host in hosts}}


class HookedHosts:
    """The server's hook and each host's, called by a thread that follows the simulator's record.

    A host tells the server of a job's end once its hooks have run; the simulator's end_delay
    stands for that time here.
    """

    def __init__(self, directory: Path, pbs: PBSSimulator, kubernetes: KubernetesSimulator, hints: Path, **settings: Any) -> None:
        self.outcomes: list[tuple[str, str, Outcome]] = []  # event, job id
        self._pbs = pbs
        self._hosts = {name: ExecutionHost(directory / name, name) for name in pbs.host_names}
        common = {"users": [f"{pbs.user}@*"], "hint_socket": str(hints), **settings}
        for name, host in self._hosts.items():
            kubeconfig = host.directory / "kubelet.conf"
            kubernetes.write_kubeconfig(kubeconfig, token=f"{name}-token")
            host.configure(kubeconfig=str(kubeconfig), **common)
        self._stopped = False
        self._position = 0
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def __getitem__(self, name: str) -> ExecutionHost:
        return self._hosts[name]

    def close(self) -> None:
        with self._pbs.server.changed:
            self._stopped = True
            self._pbs.server.changed.notify_all()
        self._thread.join()

    def log(self) -> str:
        """What the hooks logged, a line each."""
        return "\n".join(f"{event} {job_id}: {message}" for event, job_id, outcome in list(self.outcomes)
                         for _, message in outcome.log)

    def _follow(self) -> None:
        changed = self._pbs.server.changed
        while True:
            with changed:
                changed.wait_for(lambda: self._stopped or len(self._pbs.server.record) > self._position)
                if self._stopped:
                    return
                entry = self._pbs.server.record[self._position]
                self._position += 1
                job = self._pbs.server.jobs.get(entry.job_id)
                seen = None if job is None else self._attributes(job, entry)
            if seen is not None:
                self._happened(entry, seen)

    def _attributes(self, job: Any, entry: RecordEntry) -> dict[str, Any]:
        """The job as hooks see it at that moment, with the simulator's lock held."""
        host = entry.host or (job.hosts[0] if job.hosts else None)
        return {"Job_Owner": f"{job.owner}@{job.owner_host}", "Variable_List": job.variables, "substate": str(int(job.substate)),
                "exec_vnode": job.exec_vnode, "exec_host2": f"{host}:15002/0" if host else None,
                "resources_used": "cput=00:00:00,mem=0kb,walltime=00:00:01",
                "Exit_status": RERUN if entry.kind in ("rerun", "requeued") else entry.exit_status}

    def _happened(self, entry: RecordEntry, seen: dict[str, Any]) -> None:
        on_host, on_server = {
            "queued": ([], ["POSTQUEUEJOB"]), "moved": ([], ["MOVEJOB"]), "started": (["EXECJOB_BEGIN"], ["RUNJOB"]),
            "suspended": (["EXECJOB_POSTSUSPEND"], []), "resumed": (["EXECJOB_PRERESUME"], []),
            "ended": (["EXECJOB_EPILOGUE", "EXECJOB_END"], ["JOBOBIT"]),
            "rerun": (["EXECJOB_END"], ["JOBOBIT"]), "requeued": (["EXECJOB_END"], ["JOBOBIT"]),
        }.get(entry.kind, ([], []))
        for event in on_host if entry.host is not None else []:
            host = self._hosts[entry.host]
            self.outcomes.append((event, entry.job_id, host.run(event, Job(entry.job_id, seen))))
        if entry.kind == "ended":
            with self._pbs.server.changed:
                self._pbs.server.changed.wait_for(lambda: self._stopped or self._state(entry.job_id) != "E")
        for event in on_server:
            configuration = next(iter(self._hosts.values())).configuration
            outcome = run_hook(SERVER_HOOK, Event(event, Job(entry.job_id, seen)), configuration, "pbsserver",
                               {"PBS_SERVER": "pbsserver"})
            self.outcomes.append((event, entry.job_id, outcome))

    def _state(self, job_id: str) -> str | None:
        job = self._pbs.server.jobs.get(job_id)
        return None if job is None else job.state
