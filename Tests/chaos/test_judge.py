"""Each violation, made by hand, is found; and what is in order is not called one."""

from __future__ import annotations

import pytest

from chaos.judge import Evidence, Judge, merged
from simulators.kubernetes import Entry
from simulators.kubernetes.record import Kind
from simulators.pbs import RecordEntry

UID, JOB, NODE = "uid-1", "1.pbsserver", "node1"
CONNECTOR, ADMINISTRATOR = "root@pbsserver", "administrator@pbsserver"


class Case:
    """A run told step by step; one pod and one job unless said otherwise. Moments are seconds."""

    def __init__(self) -> None:
        self.pods: list[Entry] = []
        self.jobs: list[RecordEntry] = []
        self.live: dict[str, str] = {}
        self.outages: list[tuple[float, float]] = []
        self.away: list[tuple[float, float]] = []

    def pod(self, moment: float, kind: Kind, user: str = "simulator", node: str = NODE, job: str = JOB,
            run: int = 1, phase: str = "Running", uid: str = UID) -> Case:
        annotations = {"pbs-connector/job-id": job, "pbs-connector/run-count": str(run)}
        self.pods.append(Entry(moment, moment, kind, "default", "pod", uid, node, annotations, user, {"phase": phase, "gracePeriodSeconds": 2}))
        return self

    def is_away(self, since: float, until: float) -> Case:
        """The node, for Kubernetes or PBS."""
        self.away.append((since, until))
        return self

    def job(self, moment: float, kind: str, job: str = JOB, host: str = NODE, why: str = "", uid: str = UID) -> Case:
        self.jobs.append(RecordEntry(kind, job, uid, host, moment, moment, None, why))
        if kind == "forgotten":
            self.live.pop(job, None)
        return self

    def runs(self, moment: float = 1.0, job: str = JOB, host: str = NODE) -> Case:
        """Queued, started and running within a second."""
        self.live[job] = UID
        return self.job(moment, "queued", job).job(moment + 0.5, "started", job, host).job(moment + 0.6, "running", job, host)

    def ends(self, moment: float, job: str = JOB) -> Case:
        self.live.pop(job, None)
        return self.job(moment, "ended", job)

    def is_deleted(self, moment: float, by: str, job: str = JOB) -> Case:
        return self.job(moment, "deleted", job, why=by).ends(moment + 0.1, job)

    def verdict(self) -> list[str]:
        evidence = Evidence(self.pods, self.jobs, self.live, 100.0, merged(self.outages), hosts_away={NODE: self.away},
                            patience=5.0, doubt=6.0)
        return [violation.rule for violation in Judge(evidence).violations()]


def created() -> Case:
    return Case().pod(0, "created")


def bound() -> Case:
    """A pod that is bound at 3 by the job that runs on its node since 1.6."""
    return created().runs().pod(3, "bound", "binder")


def lost(count: int, deleted: float, by_users: int = 0, rerun: bool = False) -> Case:
    """So many bound pods whose jobs PBS loses at 9, and which the connector then deletes, but for those that their
    users delete before. With `rerun`, the jobs had been started again before that."""
    case = Case()
    for index in range(count):
        uid, job = f"uid-{index}", f"{index}.pbsserver"
        case.pod(0, "created", uid=uid).job(1, "queued", job, uid=uid).job(1.5, "started", job, uid=uid)
        case.job(1.6, "running", job, uid=uid).pod(3, "bound", "binder", job=job, uid=uid)
        if rerun:
            case.job(5, "rerun", job, uid=uid).job(5, "started", job, uid=uid).job(5.1, "running", job, uid=uid)
        case.job(9, "forgotten", job, uid=uid)
        user, moment = ("user", deleted - 1) if index < by_users else ("binder", deleted)
        case.pod(moment, "deleting", user, job=job, uid=uid).pod(moment + 1.5, "gone", "kubelet", job=job, uid=uid)
    return case


IN_ORDER = {
    "bound and kept": bound(),
    "finished, then its job deleted": bound().pod(9, "phase", "kubelet", phase="Succeeded").is_deleted(9.5, CONNECTOR),
    "deleted by a user, then its job": bound().pod(9, "deleting").pod(10, "gone", "kubelet").is_deleted(10.5, CONNECTOR),
    "deleted by a user while it waited": created().job(1, "queued").pod(2, "gone").job(2.5, "deleted", why=CONNECTOR),
    "its job ended, so it was deleted":
        bound().ends(9).pod(9.5, "deleting", "binder").pod(10, "gone", "kubelet"),
    "its job was requeued, so both were deleted":
        bound().job(9, "requeued").pod(9.5, "deleting", "binder").pod(10, "gone", "kubelet").is_deleted(11, CONNECTOR),
    "its job ran again elsewhere, so both were deleted":
        bound().job(9, "rerun").job(9, "started", host="node2").pod(9.5, "deleting", "binder")
        .job(9.6, "running", host="node2").pod(10, "gone", "kubelet").is_deleted(11, CONNECTOR),
    "its job was rerun, then it was bound":
        created().runs().job(2, "rerun").job(2, "started").job(2.1, "running").pod(3, "bound", "binder", run=2),
    "its job was rerun while the binding was on its way, so it was deleted":
        created().runs().job(2, "rerun").job(2, "started").job(2.1, "running").pod(3, "bound", "binder")
        .pod(9, "deleting", "binder").pod(10, "gone", "kubelet").is_deleted(11, CONNECTOR),
    "a second job for a short while":
        bound().runs(20, "2.pbsserver").is_deleted(25, CONNECTOR, "2.pbsserver"),
    "a second job while no broker was there":
        bound().runs(20, "2.pbsserver").is_deleted(45, CONNECTOR, "2.pbsserver"),
    "bound by the second job, which ran first":
        created().job(1, "queued").runs(2, "2.pbsserver").pod(3, "bound", "binder", job="2.pbsserver")
        .job(4, "deleted", why=CONNECTOR),
    "the first job was refused by its host":
        created().job(1, "queued").job(1.5, "started").job(1.6, "run refused").job(1.7, "ended")
        .runs(5, "2.pbsserver").pod(7, "bound", "binder", job="2.pbsserver"),
    "the binding was on its way when an administrator deleted the job":
        created().runs().is_deleted(2.5, ADMINISTRATOR).pod(3, "bound", "binder").pod(4, "deleting", "binder")
        .pod(5, "gone", "kubelet"),
    "stuck on a host that is away, so its job was released":
        bound().is_away(8, 30).pod(9, "deleting").is_deleted(16.5, CONNECTOR).pod(31, "gone", "kubelet"),
    "stuck on a host that has just returned":
        bound().is_away(8, 14).pod(9, "deleting").is_deleted(16.5, CONNECTOR).pod(17, "gone", "kubelet"),
    "a second job on a host that was away":
        bound().is_away(21, 40).runs(20, "2.pbsserver").is_deleted(45, CONNECTOR, "2.pbsserver"),
    "many jobs lost by PBS, and doubted": lost(10, deleted=15.5),
    "many jobs lost by PBS, which had been started again": lost(10, deleted=9.5, rerun=True),
    "few jobs lost by PBS": lost(9, deleted=9.5),
    "many jobs lost by PBS while no broker was there, and few pods left": lost(12, deleted=12, by_users=3),
    "PBS gives a number again":
        bound().job(9, "forgotten").job(9.5, "queued", uid="another").pod(9.5, "deleting", "binder").pod(10, "gone", "kubelet")
        .job(10, "deleted", why=ADMINISTRATOR, uid="another"),
    "a native job at the end": bound().job(50, "queued", "9.pbsserver", uid="another"),
}
IN_ORDER["a second job while no broker was there"].outages += [(22, 35), (30, 40)]

# Where there are several cases of one rule, each has a name.
VIOLATIONS: dict[str, dict[str, Case]] = {
    "pod not bound": {"": created()},
    "bound without its job": {"": created().pod(3, "bound", "binder", job="7.pbsserver").pod(4, "gone", "kubelet")},
    "bound where the job does not run": {
        "another host": created().runs(host="node2").pod(3, "bound", "binder"),
        "before the host had reported":
            created().job(1, "queued").job(1.5, "started").pod(1.55, "bound", "binder").job(1.6, "running")
            .pod(4, "gone", "kubelet").is_deleted(5, CONNECTOR),
        "while it waited": created().job(1, "queued").pod(3, "bound", "binder").pod(4, "gone", "kubelet"),
        "long after its end": created().runs().ends(2.5).pod(13, "bound", "binder").pod(14, "gone", "kubelet"),
        "after the connector's own qdel":
            created().runs().is_deleted(2.5, CONNECTOR).pod(3, "bound", "binder").pod(4, "gone", "kubelet"),
        "on the host of an earlier run":
            created().runs().job(2, "rerun").job(2, "started", host="node2").job(2.1, "running", host="node2")
            .pod(3, "bound", "binder", run=2).pod(4, "gone", "kubelet").is_deleted(5, CONNECTOR),
    },
    "bound by the second job": {
        "": created().runs().runs(2, "2.pbsserver").pod(3, "bound", "binder", job="2.pbsserver").is_deleted(4, CONNECTOR),
    },
    "finished pod deleted": {
        "": bound().pod(9, "phase", "kubelet", phase="Failed").is_deleted(9.5, CONNECTOR).pod(10, "gone", "binder"),
    },
    "pod deleted without its job's end": {
        "its job runs": bound().pod(9, "deleting", "binder").pod(10, "gone", "kubelet").is_deleted(11, CONNECTOR),
        "its job ended afterwards": bound().pod(9, "deleting", "binder").ends(9.5).pod(10, "gone", "kubelet"),
        "it never had one": created().pod(9, "gone", "binder"),
    },
    "pod outlived its job": {
        "its job ended": bound().ends(9),
        "its job waits again": bound().job(9, "requeued"),
        "its job runs elsewhere": bound().job(9, "rerun").job(9, "started", host="node2").job(9.1, "running", host="node2"),
    },
    "two live jobs": {
        "for long": bound().runs(20, "2.pbsserver").is_deleted(31, CONNECTOR, "2.pbsserver"),
        "the outage explains only a part": bound().runs(20, "2.pbsserver").is_deleted(36, CONNECTOR, "2.pbsserver"),
    },
    "job released early": {
        "the pod runs": bound().is_deleted(9, CONNECTOR).pod(10, "deleting", "binder").pod(11, "gone", "kubelet"),
        "the pod still terminates":
            bound().pod(8, "deleting").is_deleted(9, CONNECTOR).pod(10, "gone", "kubelet"),
        "too early for a host that is away":
            bound().is_away(8, 30).pod(9, "deleting").is_deleted(14, CONNECTOR).pod(31, "gone", "kubelet"),
        "its host was away long ago":
            bound().is_away(5, 8).pod(9, "deleting").is_deleted(30, CONNECTOR).pod(31, "gone", "kubelet"),
    },
    "job left": {
        "its pod is gone": bound().pod(9, "gone", "kubelet"),
        "its pod has finished": bound().pod(9, "phase", "kubelet", phase="Failed"),
        "its pod never existed": bound().runs(60, "2.pbsserver").job(99, "queued", "3.pbsserver", uid="another"),
    },
}
VIOLATIONS["two live jobs"]["the outage explains only a part"].outages.append((19, 22))
VIOLATIONS["job left"]["its pod never existed"].live = {JOB: UID, "3.pbsserver": "another"}
VIOLATIONS["job left"]["its pod never existed"].is_deleted(61, CONNECTOR, "2.pbsserver")


def violations() -> list[tuple[str, str, Case]]:
    return [(rule, name, case) for rule, cases in VIOLATIONS.items()
            for name, case in cases.items()]


def test_a_mass_disappearance_that_is_believed_at_once_is_found_for_each_pod() -> None:
    assert lost(10, deleted=12).verdict() == ["mass disappearance believed"] * 10
    assert lost(12, deleted=12, by_users=2).verdict() == ["mass disappearance believed"] * 10


@pytest.mark.parametrize("name", IN_ORDER)
def test_what_is_in_order_is_no_violation(name: str) -> None:
    assert IN_ORDER[name].verdict() == []


@pytest.mark.parametrize(("rule", "name", "case"), violations(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_violation_is_found(rule: str, name: str, case: Case) -> None:
    assert case.verdict() == [rule]


def test_intervals_that_overlap_count_once() -> None:
    assert merged([(5, 7), (1, 3), (2, 4), (6, 6.5)]) == [(1, 4), (5, 7)]
