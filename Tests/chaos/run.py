"""One run of chaos: a site on simulators, its pods, what goes wrong, the calm afterwards, and the judgement."""

from __future__ import annotations

import os
import pwd
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from integration.connector import Connector
from simulators.kubernetes.pods import is_finished
from simulators.pbs import Job, PBSSimulator
from simulators.pbs.timers import Timers

from .cluster import NAMESPACE, Cluster, SimulatedCluster
from .disturbances import ADMINISTRATOR, Disturbances
from .downtime import Downtime
from .host_faults import HostFaults, kubelet_down, pbs_down
from .job_faults import QUEUE, JobFaults
from .judge import Evidence, Judge, Violation, merged
from .lasting import Lasting
from .load import Fate, Load, PlannedPod, plan
from .pbs_faults import COMMAND_TIMEOUT, PBSFaults
from .process_faults import ProcessFaults
from .real_cluster import RealCluster
from .supervisor import ONE_WATCHER, TWO_WATCHERS, Layout, Supervisor

# Room for a third of the pods that are there at once beside those that stay: the others have to queue.
CPUS_PER_POD_THAT_STAYS = 1.25
CPUS_BESIDES = 24
# Seconds after the last disturbance in which all must have come to rest. The longest that anything waits by
# itself is the pause after a refused submission, which doubles from 1 s.
SETTLE_SECONDS = 120.0
# Seconds for the pods' own plans after the last disturbance: the longest life, and the queue before it.
PLANS_SECONDS = 120.0
_PROBLEMS_SHOWN = 25

# Settings that make a minute long enough for all of it.
PATIENCE = 3.0
VANISH_INTERVAL = 2.0
_CONFIGURATION = f"""
pbs-broker:
  look-interval: 0.5
  connections-per-minute: 100000
  orphan-grace: 5
  vanish-interval: {VANISH_INTERVAL}
  command-timeout: {COMMAND_TIMEOUT}
  terminating-patience: {PATIENCE}
"""
# Seconds after which the jobs of a host that is down are over.
_HOST_LOST_SECONDS = 5.0


@dataclass
class Result:
    """What a run has found. `problems` is empty where all is well."""

    seed: int
    problems: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)
    # What happened, all processes' logs included, line by line.
    log: list[str] = field(default_factory=list)

    def report(self) -> str:
        lines = [f"chaos: seed {self.seed}"] + [f"  {name}: {value}" for name, value in self.figures.items()]
        lines += [f"  PROBLEM: {problem}" for problem in self.problems[:_PROBLEMS_SHOWN]]
        if len(self.problems) > _PROBLEMS_SHOWN:
            lines.append(f"  and {len(self.problems) - _PROBLEMS_SHOWN} problems more")
        return "\n".join(lines)


def run(directory: Path, seed: int, pods: int, seconds: float, real: bool = False) -> Result:
    """Runs for so many seconds, and until all has settled; `directory` must be empty.

    With `real` the Kubernetes is a real kube-apiserver, which must be to be had here.
    """
    planned = plan(seed, pods, seconds)
    staying = sum(pod.fate is Fate.STAYS for pod in planned)
    cpus = int(staying * CPUS_PER_POD_THAT_STAYS + CPUS_BESIDES) // 2
    hosts: dict[str, dict[str, int | str]] = {name: {"ncpus": cpus, "mem": "1tb"} for name in ("node1", "node2")}
    dice = random.Random(f"site {seed}")
    release, history = dice.choice(("1.20", "1.36")), dice.random() < 0.75
    layout = TWO_WATCHERS if dice.random() < 0.4 else ONE_WATCHER
    cluster: Cluster = RealCluster(directory / "kubernetes", seed, seconds) if real else SimulatedCluster(seed, release)
    pbs = PBSSimulator(directory / "pbs", hosts, user=ADMINISTRATOR, start_delay=0.1, kill_delay=0.1, scheduler_iteration=10, seed=seed, history=history,
                       node_fail_requeue=_HOST_LOST_SECONDS)
    pbs.add_queue(QUEUE)
    try:
        cluster.begin(list(hosts))
        with pbs:
            kubeconfigs = {program: directory / f"{program}.kubeconfig" for program in ("kube-watcher", "binder")}
            for program, path in kubeconfigs.items():
                cluster.write_kubeconfig(path, program)
            connector = Connector(directory, kubeconfigs, pbs.exec_dir, 
                                  configuration=f"{_CONFIGURATION}kube-watcher:\n  watch-silence: {cluster.watch_silence}\n")
            try:
                return _Run(seed, seconds, planned, list(hosts), cluster, pbs, connector, layout).result()
            finally:
                connector.close()
    finally:
        cluster.end()


class _Run:
    def __init__(self, seed: int, seconds: float, planned: list[PlannedPod], hosts: list[str], cluster: Cluster,
                 pbs: PBSSimulator, connector: Connector, layout: Layout) -> None:
        self._result = Result(seed)
        self._seconds = seconds
        self._hosts = hosts
        self._cluster = cluster
        self._kubernetes = cluster.api
        self._pbs = pbs
        self._timers = Timers()
        self._downtime = Downtime()
        self._beginning = time.monotonic()
        self._supervisor = Supervisor(layout, connector, self._lease_holder, self._timers, self._downtime)
        self._load = Load(self._kubernetes, self._timers, self._downtime, planned)
        lasting = Lasting(self._timers)
        self._api_faults = cluster.faults(self._timers, lasting, self._downtime)
        host_faults = HostFaults(hosts, self._kubernetes, pbs, self._timers, lasting, self._downtime)
        self._disturbances = Disturbances(seed, self._timers, lasting, [
            *ProcessFaults(self._supervisor, lasting).kinds(), *self._api_faults.kinds(),
            *PBSFaults(pbs, self._timers, lasting, self._downtime).kinds(), *host_faults.kinds(),
            *JobFaults(pbs, lasting, self._downtime, host_faults.down).kinds()])

    def result(self) -> Result:
        dice = random.Random(f"second instances {self._result.seed}")
        self._supervisor.start_first()
        self._timers.after(self._seconds * dice.uniform(0.1, 0.3), self._supervisor.start_second)
        self._timers.after(self._seconds * dice.uniform(0.7, 0.9), self._supervisor.retire_second)
        self._disturbances.begin()
        while (left := self._beginning + self._seconds - time.monotonic()) > 0:
            self._step(left)
        self._calm()
        calm = time.monotonic()
        while not self._load.is_done:
            if time.monotonic() > calm + PLANS_SECONDS:
                self._result.problems.append(f"not settled in {PLANS_SECONDS:g} s: {self._load.state}")
                break
            self._step(1.0)
        else:
            self._settle()
        self._supervisor.check()
        self._judge(calm)
        return self._result

    def _step(self, longest: float) -> None:
        """Waits for news or for what is due next, and does what follows."""
        due = self._timers.seconds_to_next()
        try:
            self._kubernetes.wait(lambda _: self._load.has_news, min(longest, 1.0 if due is None else due))
        except TimeoutError:
            pass  # Something is due.
        self._load.follow()
        self._timers.run_due()
        self._supervisor.check()
        self._cluster.check()

    def _calm(self) -> None:
        self._disturbances.calm()
        self._supervisor.retire_second()
        self._supervisor.start_all()

    def _settle(self) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while restless := self._restless_pods() + self._restless_jobs():
            if time.monotonic() > deadline:
                self._result.problems.append(f"not settled in {SETTLE_SECONDS:g} s: {' '.join(restless)}")
                break
            self._step(0.2)

    def _lease_holder(self) -> str | None:
        # After the process's name stands which running kernel it is of.
        return next((lease["spec"]["holderIdentity"].rsplit("_", 1)[0] for lease in self._kubernetes.leases()
                     if lease["metadata"]["namespace"] == NAMESPACE and lease["spec"].get("holderIdentity")), None)

    def _restless_pods(self) -> list[str]:
        """Pods that wait or terminate."""
        return [pod["metadata"]["name"] for pod in self._kubernetes.pods() if not is_finished(pod)
                and ("nodeName" not in pod["spec"] or "deletionTimestamp" in pod["metadata"])]

    def _restless_jobs(self) -> list[str]:
        """Jobs that do not run for a pod that does, or run for the second time while their pod is of the first: without
        hints pbs-broker looks for these every 30 s."""
        needed = {pod["metadata"]["uid"]: int(pod["metadata"]["annotations"]["pbs-connector/run-count"])
                  for pod in self._kubernetes.pods() if not is_finished(pod) and "nodeName" in pod["spec"]}
        jobs = self._live_jobs()
        doubled = {uid for uid, count in Counter(job.pod_uid for job in jobs).items() if count > 1}
        return [job.id for job in jobs
                if job.state != "R" or needed.get(job.pod_uid or "") != job.run_count or job.pod_uid in doubled]

    def _live_jobs(self) -> list[Job]:
        with self._pbs.lock:
            return [job for job in self._pbs.jobs.values() if job.live and job.pod_uid is not None]

    def _judge(self, calm: float) -> None:
        end = time.monotonic()
        outages = merged(self._downtime.of("brokers", "pbs", "commands"))
        judge = Judge(Evidence(
            self._cluster.evidence(), self._pbs.record, {job.id: job.pod_uid or "" for job in self._live_jobs()}, end, outages,
            self._cluster.users, pwd.getpwuid(os.geteuid()).pw_name,
            {host: self._downtime.of(pbs_down(host), kubelet_down(host)) for host in self._hosts}, PATIENCE,
            doubt=2 * VANISH_INTERVAL, pod_record_late=self._cluster.record_late))
        result = self._result
        result.problems += self._supervisor.ended
        violations = judge.violations()
        result.problems += [self._words(violation) for violation in violations]
        ended_pods = [pod for pod in judge.pods.values() if any(user in self._cluster.users for _, user in pod.deletions)]
        doubles = [seconds for uid in judge.jobs_of_pod for _, _, seconds in judge.doubles(uid)]
        result.figures = {
            "site": f"{self._cluster.name}, PBS {'with' if self._pbs.settings.history else 'without'} job history, "
                    f"{'two kube-watchers, one of which leads' if self._supervisor.elects else 'one kube-watcher'}",
            "pods": len(judge.pods), "bound": sum(pod.is_bound for pod in judge.pods.values()),
            "finished": sum(pod.finished <= end for pod in judge.pods.values()),
            "deleted with their job": len(ended_pods), "jobs": len(judge.jobs),
            "pods with several jobs": sum(len(jobs) > 1 for jobs in judge.jobs_of_pod.values()),
            "at once": f"{len(doubles)}, for {max(doubles, default=0.0):.1f} s at most",
            "pods left": len(self._kubernetes.pods()), "jobs left": len(self._live_jobs()),
            "disturbances": ", ".join(f"{count} {name}" for name, count in sorted(self._disturbances.counts.items())),
            "struck by faults": f"{self._api_faults.struck} requests, {len(self._pbs.faults.struck)} commands",
            "without a broker or PBS": f"{sum(min(until, end) - since for since, until in outages):.1f} s",
            "settled": f"{end - calm:.1f} s after the last disturbance",
        }
        happened = [f"{moment - self._beginning:8.3f} -- {words}" for moment, words in self._disturbances.happened]
        result.log = sorted([*happened, *self._supervisor.log(self._beginning)], key=lambda line: float(line[:8]))

    def _words(self, violation: Violation) -> str:
        return f"{violation.rule} at {violation.moment - self._beginning:.3f} s: {violation.words}"
