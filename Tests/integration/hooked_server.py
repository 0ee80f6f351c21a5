"""PBS servers that run pbs_kubernetes_server.PY for each submission: a simulated one, and a real one."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hooks.execution_host import HOOKS, SERVER_HOOK
from hooks.pbs_stand_in import Event, Job, ResourceList, run_hook
from hooks.timing import awaited
from integration.site_pbs import CLEAN_SECONDS, SitePBS
from real.pbs import PBSError as RealPBSError
from real.pbs import RealPBS
from simulators.pbs import PBSSimulator
from simulators.pbs.errors import HOOK_ERROR, PBSError
from simulators.pbs.job import Job as PBSJob
from simulators.pbs.server import Submission


def new_key() -> str:
    return secrets.token_hex(32)


def write_keys(path: Path, *keys: str) -> None:
    """A file of keys, its owner's alone from its first moment, in place of a former one at once."""
    made = path.with_suffix(".new")
    made.touch(0o600)
    made.write_text("".join(key + "\n" for key in keys))
    made.rename(path)


class HookedSimulator:
    """The server's hook beside a simulated PBS, by the file that sites install."""

    # What the simulator calls the host that all connections come from.
    host = "pbsserver"

    def __init__(self, pbs: PBSSimulator, directory: Path) -> None:
        self.pbs = pbs
        self.key_file = directory / "server-keys"
        self._configuration = directory / "pbs_kubernetes.CF"
        pbs.add_resource("k8s_pod", read_only=True)
        pbs.add_resource("k8s_token")
        self.set_keys(new_key())
        self.install()

    def install(self, **settings: Any) -> None:
        self._configuration.write_text(json.dumps({"proof": "required", "key_file": str(self.key_file), **settings}))
        self.pbs.hook_submissions(self._queuejob)
        self.pbs.hook_changes(self._modifyjob, self._movejob)

    def remove(self) -> None:
        """Take the hook away; the resources stay."""
        self.pbs.hook_submissions(None)
        self.pbs.hook_changes(None, None)

    def set_keys(self, *keys: str) -> None:
        write_keys(self.key_file, *keys)

    def proof_of(self, job_id: str) -> dict[str, str]:
        """The resources of a job that have to do with proof."""
        listed = self.pbs.jobs[job_id].request.listed
        return {name: listed[name] for name in ("k8s_pod", "k8s_token") if name in listed}

    def close(self) -> None:
        """Nothing outlives the simulator."""

    def _queuejob(self, submission: Submission) -> None:
        job = Job("", {"Job_Name": submission.name, "Variable_List": submission.variables,
                       "Resource_List": ResourceList(submission.resources), **submission.attributes,
                       "Submit_arguments": " ".join(submission.submit_arguments)})
        self._run(Event("QUEUEJOB", job, requestor=submission.user, requestor_host=self.host))
        submission.resources = dict(job.Resource_List.values)

    def _modifyjob(self, job: PBSJob, user: str, resources: dict[str, str], attributes: dict[str, str]) -> None:
        change = Job(job.id, {"Variable_List": job.variables, "Resource_List": ResourceList(resources), **attributes})
        self._run(Event("MODIFYJOB", change, requestor=user, requestor_host=self.host, job_o=self._known(job)))
        resources.clear()
        resources.update(change.Resource_List.values)

    def _movejob(self, job: PBSJob, user: str) -> None:
        self._run(Event("MOVEJOB", self._known(job), requestor=user, requestor_host=self.host))

    def _known(self, job: PBSJob) -> Job:
        """A job as it is."""
        return Job(job.id, {"Job_Name": job.name, "Variable_List": job.variables, "Job_Owner": f"{job.owner}@{job.owner_host}",
                            "Resource_List": ResourceList(job.request.listed)})

    def _run(self, event: Event) -> None:
        server = {"managers": f"{self.pbs.settings.manager}@*"}
        outcome = run_hook(SERVER_HOOK, event, self._configuration, self.host, {"PBS_SERVER": self.host}, server)
        if outcome.rejected is not None:
            raise PBSError(HOOK_ERROR, outcome.rejected)


class HookedPBS:
    """The hooks on a real PBS, installed as a site installs them; close() removes them, but not their resources."""

    def __init__(self, pbs: SitePBS, directory: Path) -> None:
        self.pbs = pbs
        directory.mkdir()
        self._real = RealPBS(directory)
        self._directory = directory
        self.key_file = directory / "server-keys"
        self.set_keys(new_key())
        self.install()
        # What PBS calls the host that our jobs come from.
        probe = self._real.submit("-h")
        owner = str((self._real.job(probe) or {})["Job_Owner"])
        self._real.delete_job(probe)
        self.host = owner.partition("@")[2]

    def install(self, **settings: Any) -> None:
        values = {"proof": "required", "key_file": str(self.key_file), "users": [self.pbs.submitter], "kubelet_config": "",
                  "kubeconfig": "", "cgroup_root": "", "hint_socket": str(self._directory / "hints.sock"), **settings}
        configuration = self._directory / "site.CF"
        configuration.write_text(json.dumps(values))
        self._run("--config", str(configuration), "--remote-directories")

    def set_keys(self, *keys: str) -> None:
        write_keys(self.key_file, *keys)

    def proof_of(self, job_id: str) -> dict[str, str]:
        """The resources of a job that have to do with proof."""
        listed = (self._real.job(job_id) or {}).get("Resource_List", {})
        return {name: str(listed[name]) for name in ("k8s_pod", "k8s_token") if name in listed}

    def close(self) -> None:
        # Out of the history too: a broker of a later test is not to hear of them. The resources stay, since a server
        # that has met them may crash without them.
        for job_id in self.pbs.jobs:
            awaited(lambda: self._is_gone(job_id), CLEAN_SECONDS)
        self._real.close()
        self._run("--remove")
        shutil.rmtree(self._directory, ignore_errors=True)

    def _is_gone(self, job_id: str) -> bool:
        """Whether the server has forgotten a job; if not, it is asked to, which a running one only begins to end."""
        if self._real.job(job_id) is None:
            return True
        try:
            self._real.run("qdel", "-x", job_id)
        except RealPBSError as refused:
            print(f"qdel -x {job_id}: {refused}")
        return False

    def _run(self, *arguments: str) -> None:
        environment = {**os.environ, "PATH": f"{self._real.exec_dir / 'bin'}:{os.environ['PATH']}"}
        subprocess.run([sys.executable, str(HOOKS / "install"), *arguments], env=environment, check=True, stdout=subprocess.PIPE)
