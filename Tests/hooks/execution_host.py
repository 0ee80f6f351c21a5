"""An execution host for tests: a manifest directory, MoM's job files, a cgroup tree, and the
host-side hook run on them with the events that PBS would send."""
import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

from hooks.pbs_stand_in import Event, Job, Outcome, run_hook

HOOKS = Path(__file__).resolve().parents[2] / "hooks"
# Built from the modules of their packages when a test run begins (make hooks).
HOST_HOOK = HOOKS.parent / ".build" / "hooks" / "pbs_kubernetes.PY"
SERVER_HOOK = HOOKS.parent / ".build" / "hooks" / "pbs_kubernetes_server.PY"

for hook in (HOST_HOOK, SERVER_HOOK):
    subprocess.run([sys.executable, str(HOOKS / "installer" / "build.py"), str(hook), hook.stem], check=True)

POD_UID = "7f1c9a52-0c5e-4a0e-9a37-0f3a2c1b5d11"


def literal(script: Path, name: str) -> Any:
    """A literal that a hook assigns to a name at its top, such as its table of settings."""
    return ast.literal_eval(assigned(script, name))


def assigned(script: Path, name: str) -> Any:
    """The syntax tree of what a hook assigns to a name at its top."""
    (value,) = [node.value for node in ast.parse(script.read_text()).body
                if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == name]
    return value


def native_job(id: str = "5.pbsserver", **attributes: Any) -> Job:
    """A job of alice's that has two CPUs and a gibibyte on node1."""
    return Job(id, dict({
        "Job_Owner": "alice@pbsserver", "substate": "41", "stime": "1795490192",
        "exec_vnode": "(node1:ncpus=2:mem=1048576kb)", "exec_host2": "node1:15002/0*2",
        "Variable_List": "PBS_O_HOME=/home/alice,PBS_O_QUEUE=workq"}, **attributes))


def pods_job(id: str = "6.pbsserver", uid: str = POD_UID, name: str = "redis", namespace: str = "default",
             **attributes: Any) -> Job:
    """A job that pbs-broker submitted for a pod."""
    variables = "PBS_O_HOME=/root,KUBERNETES_POD_UID=%s,KUBERNETES_POD_NAME=%s,KUBERNETES_POD_NAMESPACE=%s"
    return native_job(id, **dict({
        "Job_Owner": "pbs-broker@pbsserver", "substate": "42", "Variable_List": variables % (uid, name, namespace)},
        **attributes))


class ExecutionHost:
    """One host, in a directory of its own."""

    def __init__(self, directory: Path, name: str = "node1", **settings: Any) -> None:
        """Make the host; `settings` go into its pbs_kubernetes.CF."""
        self.name = name
        self.directory = directory
        self.manifests = directory / "manifests"
        self.jobs = directory / "mom_priv" / "jobs"
        self.cgroups = directory / "cgroup"
        for path in (self.manifests, self.jobs, self.cgroups):
            path.mkdir(parents=True)
        self.pbs_conf = {"PBS_HOME": str(directory), "PBS_EXEC": str(directory / "pbs"), "PBS_SERVER": "pbsserver"}
        # What exechost_periodic has set of the host's vnode.
        self.vnode: Dict[str, str] = {}
        self.configuration = directory / "pbs_kubernetes.CF"
        self.settings = {"kubelet_config": str(self.manifests), "kubeconfig": "", "cgroup_root": str(self.cgroups),
                         "placeholder": str(directory / "lib" / "placeholder")}
        self.configure(**settings)

    def configure(self, **settings: Any) -> None:
        """Change settings in the .CF."""
        self.settings.update(settings)
        self.configuration.write_text(json.dumps(self.settings))

    def run(self, event: str, job: Optional[Job] = None) -> Outcome:
        """Run the hook for an event of a job."""
        return run_hook(HOST_HOOK, Event(event, job), self.configuration, self.name, self.pbs_conf)

    def attach(self, job: Job, pid: int) -> Outcome:
        """Run the hook for execjob_attach: this process is to become part of the job."""
        event = Event("EXECJOB_ATTACH", job)
        event.pid = pid
        return run_hook(HOST_HOOK, event, self.configuration, self.name, self.pbs_conf)

    def periodic(self, *jobs: Job) -> Outcome:
        """Run the hook for exechost_periodic, with the jobs on this host: MoM has a file of each."""
        event = Event("EXECHOST_PERIODIC", job_list={job.id: job for job in jobs})
        files = [path for path in (self.jobs / (job.id + ".JB") for job in jobs) if not path.exists()]
        for path in files:
            path.write_bytes(b"binary\0")
        try:
            outcome = run_hook(HOST_HOOK, event, self.configuration, self.name, self.pbs_conf)
            self.vnode.update(event.vnode_list[self.name].resources_available)
            return outcome
        finally:
            for path in files:
                path.unlink()

    def startup(self) -> Outcome:
        """Run the hook for exechost_startup, which carries no jobs."""
        return run_hook(HOST_HOOK, Event("EXECHOST_STARTUP"), self.configuration, self.name, self.pbs_conf)

    def files(self) -> List[str]:
        """Everything in the manifest directory."""
        return sorted(os.listdir(str(self.manifests)))

    def pods(self) -> Dict[str, Dict[str, Any]]:
        """The static pods that kubelet would find, by name: it reads all files but dotted ones."""
        pods = [json.loads((self.manifests / name).read_text()) for name in self.files() if not name.startswith(".")]
        return {pod["metadata"]["name"]: pod for pod in pods}

    def requests(self) -> Dict[str, Dict[str, str]]:
        """What each static pod requests, by job id."""
        return {pod["metadata"]["annotations"]["pbs-connector/native-job-id"]:
                pod["spec"]["containers"][0]["resources"]["requests"] for pod in self.pods().values()}

    def record(self, *jobs: Job) -> None:
        """Give MoM a file for each job, and a printjob that prints these jobs as PBS's does."""
        program = self.directory / "pbs" / "bin" / "printjob.bin"
        program.parent.mkdir(parents=True, exist_ok=True)
        for job in jobs:
            (self.jobs / (job.id + ".JB")).write_text(printjob_text(job))
        program.write_text("#!/bin/sh\ncat \"$1\"\n")
        program.chmod(0o755)


def printjob_text(job: Job) -> str:
    """What PBS's printjob prints of a job's file, as seen with OpenPBS 23.06.06."""
    line = "-" * 51
    head = "%s\njobid:\t%s\n%s\nstate:\t\t0x4\nsubstate:\t0x29 (41)\n--attributes--\n" % (line, job.id, line)
    # PBS prints the attributes from the last to the first.
    attributes = {"Account_Name": job.Account_Name,
                  "Variable_List": ",".join("%s=%s" % pair for pair in job.Variable_List.items())}
    attributes.update((name, getattr(job, name)) for name in ("substate", "session_id", "stime"))
    attributes.update(("Resource_List." + name, job.Resource_List[name]) for name in ("place", "k8s_pod"))
    attributes.update((name, getattr(job, name)) for name in ("exec_vnode", "exec_host2", "Job_Owner"))
    return head + "".join("%s = %s\n" % pair for pair in attributes.items() if pair[1] is not None) + "\n\n"
