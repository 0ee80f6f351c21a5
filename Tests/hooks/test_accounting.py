"""A pod's job shows in PBS what its pod really used."""
import os
from typing import List

import pytest

from hooks.cgroup_tree import PATHS, PodCgroup
from hooks.execution_host import POD_UID, ExecutionHost, native_job, pods_job
from hooks.recordings import recorded, recorded_job

PLACEHOLDER = "cput=00:00:00,mem=1240kb,walltime=00:01:40,ncpus=2,cpupercent=0,vmem=2636kb"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("driver, quality", sorted(PATHS))
def test_usage_comes_from_the_pods_cgroup(host: ExecutionHost, version: int, driver: str, quality: str) -> None:
    PodCgroup(host.cgroups, version, POD_UID, driver, quality).use(cpu_seconds=150.7, memory=300 * 2 ** 20)
    job = pods_job(resources_used=PLACEHOLDER)
    host.periodic(job)
    assert {name: str(job.resources_used[name]) for name in ("cput", "mem", "cpupercent")} == {
        "cput": "00:02:30", "mem": "307200kb", "cpupercent": "150"}
    assert str(job.resources_used["walltime"]) == "00:01:40", "walltime is PBS's own"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("driver, below, root", [
    ("cgroupfs", "lab/node1", "/lab/node1"), ("systemd", "lab.slice/lab-node_1.slice", "lab/node-1")])
def test_a_kubelet_with_a_cgroup_root(host: ExecutionHost, version: int, driver: str, below: str, root: str) -> None:
    uid_path = PATHS[driver, "guaranteed"]
    if driver == "systemd":
        # Under the systemd driver each level's name repeats its parents'.
        below_path, prefix = below, "lab-node_1-"
        path = host.cgroups / ("" if version == 2 else "memory") / below_path
        pod = uid_path.replace("kubepods", prefix + "kubepods").format(uid_=POD_UID.replace("-", "_"))
        for controller in [""] if version == 2 else ["cpuacct", "memory"]:
            (host.cgroups / controller / below_path / pod).mkdir(parents=True)
        if version == 2:
            (host.cgroups / "cgroup.controllers").write_text("cpu memory\n")
            (path / pod / "cpu.stat").write_text("usage_usec 2000000\n")
            (path / pod / "memory.current").write_text("4096\n")
        else:
            (host.cgroups / "cpuacct" / below_path / pod / "cpuacct.usage").write_text("2000000000\n")
            (host.cgroups / "memory" / below_path / pod / "memory.max_usage_in_bytes").write_text("4096\n")
    else:
        PodCgroup(host.cgroups, version, POD_UID, driver, "guaranteed", below).use(2, 4096)
    host.configure(kubelet_cgroup_root=root)
    job = pods_job(resources_used="mem=1kb")
    host.periodic(job)
    assert (str(job.resources_used["cput"]), str(job.resources_used["mem"])) == ("00:00:02", "4kb")


def test_combined_cpu_controllers_of_cgroup_v1(host: ExecutionHost) -> None:
    PodCgroup(host.cgroups, 1, POD_UID).use(9, 4096)
    (host.cgroups / "cpuacct").rename(host.cgroups / "cpu,cpuacct")
    job = pods_job()
    host.periodic(job)
    assert str(job.resources_used["cput"]) == "00:00:09"


def test_a_kernel_without_peak_memory(host: ExecutionHost) -> None:
    """memory.peak is new; without it, the highest value that was seen counts."""
    cgroup = PodCgroup(host.cgroups, 2, POD_UID)
    cgroup.use(1, 0)
    (cgroup.directories[""] / "memory.peak").unlink()
    job = pods_job()
    for current, seen in ((8192, "8kb"), (4096, "8kb"), (12288, "12kb")):
        (cgroup.directories[""] / "memory.current").write_text("%d\n" % current)
        host.periodic(job)
        assert str(job.resources_used["mem"]) == seen


@pytest.mark.parametrize("version", [1, 2])
def test_the_epilogue_sets_the_last_values(host: ExecutionHost, version: int) -> None:
    cgroup = PodCgroup(host.cgroups, version, POD_UID)
    cgroup.use(10, 10240)
    job = pods_job(resources_used=PLACEHOLDER)
    host.periodic(job)
    cgroup.use(20, 20480000)
    host.run("EXECJOB_EPILOGUE", job)
    assert (str(job.resources_used["cput"]), str(job.resources_used["mem"])) == ("00:00:20", "20000kb")


def test_after_the_cgroup_is_gone_the_epilogue_sets_what_was_seen_last(host: ExecutionHost) -> None:
    cgroup = PodCgroup(host.cgroups, 2, POD_UID)
    cgroup.use(10, 10240000)
    job = pods_job(resources_used=PLACEHOLDER)
    host.periodic(job)
    cgroup.remove()
    job.resources_used.set_by_hook.clear()
    host.run("EXECJOB_EPILOGUE", job)
    assert (str(job.resources_used["cput"]), str(job.resources_used["mem"])) == ("00:00:10", "10000kb")
    assert set(job.resources_used.set_by_hook) == {"cput", "mem", "cpupercent"}


def test_what_was_used_before_a_cgroup_was_made_anew_stays_used(host: ExecutionHost) -> None:
    PodCgroup(host.cgroups, 2, POD_UID).use(3, 4096)
    job = pods_job(resources_used="cput=00:00:10,mem=900kb,walltime=00:00:20")
    host.periodic(job)
    assert (str(job.resources_used["cput"]), str(job.resources_used["mem"])) == ("00:00:10", "900kb")
    assert job.resources_used["cpupercent"] == 50


def test_a_pod_without_a_cgroup_yet(host: ExecutionHost) -> None:
    job = pods_job(resources_used="walltime=00:00:00")
    assert host.periodic(job).rejected is None
    assert str(job.resources_used["cput"]) == "00:00:00"


@pytest.mark.parametrize("job", [native_job(resources_used=PLACEHOLDER),
                                 pods_job(Job_Owner="mallory@pbsserver", resources_used=PLACEHOLDER),
                                 pods_job(substate="53", resources_used=PLACEHOLDER)])
def test_no_other_jobs_values_are_set(host: ExecutionHost, job: object) -> None:
    PodCgroup(host.cgroups, 2, POD_UID).use(3, 4096)
    host.periodic(job)  # type: ignore[arg-type]
    assert str(job.resources_used) == PLACEHOLDER  # type: ignore[attr-defined]
    assert job.resources_used.set_by_hook == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("uid", ["../../etc", "a/b", "7f1c9a52*"])
def test_a_uid_is_not_a_path(host: ExecutionHost, uid: str) -> None:
    PodCgroup(host.cgroups, 2, POD_UID).use(3, 4096)
    (host.cgroups / "kubepods" / "etc").mkdir()
    job = pods_job(uid=uid)
    host.periodic(job)
    assert str(job.resources_used["cput"]) == "00:00:00"


def test_the_recorded_epilogue(host: ExecutionHost) -> None:
    entry = recorded("EXECJOB_EPILOGUE", "node1", "704.pbsserver")
    job = recorded_job(entry, Job_Owner="pbs-broker@pbsserver",
                       Variable_List=entry["Variable_List"] + ",KUBERNETES_POD_UID=" + POD_UID)
    PodCgroup(host.cgroups, 1, POD_UID).use(3, 4096000)
    host.run("EXECJOB_EPILOGUE", job)
    assert str(job.resources_used) == "cput=00:00:03,mem=4000kb,walltime=00:00:04,ncpus=2,cpupercent=75,vmem=2636kb"


@pytest.mark.parametrize("version", [1, 2])
def test_what_another_hook_sets_in_between_is_not_believed(host: ExecutionHost, version: int) -> None:
    """pbs_cgroups sets what the placeholder used; the pod's cgroup is gone when the job has ended."""
    cgroup = PodCgroup(host.cgroups, version, POD_UID)
    cgroup.use(10, 200 * 2 ** 20)
    job = pods_job(resources_used=PLACEHOLDER)
    host.periodic(job)
    job.resources_used = type(job.resources_used)("cput=00:00:00,mem=0kb,walltime=00:00:20")
    cgroup.remove()
    host.periodic(job)
    assert (str(job.resources_used["cput"]), str(job.resources_used["mem"])) == ("00:00:10", "204800kb")
    job.resources_used = type(job.resources_used)("cput=00:00:00,mem=0kb,walltime=00:00:20")
    host.run("EXECJOB_EPILOGUE", job)
    assert str(job.resources_used) == "cput=00:00:10,mem=204800kb,walltime=00:00:20,cpupercent=50"


def records(host: ExecutionHost) -> List[str]:
    """The jobs of which there is a record on this host."""
    directory = host.jobs.parent / "pbs_kubernetes"
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


def test_a_record_goes_with_its_job(host: ExecutionHost) -> None:
    PodCgroup(host.cgroups, 2, POD_UID).use(10, 4096)
    host.periodic(pods_job("6.pbsserver"), pods_job("7.pbsserver"))
    assert records(host) == ["6.pbsserver", "7.pbsserver"]
    assert (host.jobs.parent / "pbs_kubernetes").stat().st_mode & 0o777 == 0o700
    host.run("EXECJOB_END", pods_job("6.pbsserver"))
    assert records(host) == ["7.pbsserver"]
    os.utime(str(host.jobs.parent / "pbs_kubernetes" / "7.pbsserver"), (1, 1))
    host.periodic(native_job())
    assert records(host) == [], "its end was missed"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cpu_time": "x", "memory": 1}', "\x00"])
def test_a_record_that_cannot_be_read(host: ExecutionHost, text: str) -> None:
    cgroup = PodCgroup(host.cgroups, 2, POD_UID)
    cgroup.use(10, 4096)
    job = pods_job()
    host.periodic(job)
    (host.jobs.parent / "pbs_kubernetes" / job.id).write_text(text)
    cgroup.remove()
    outcome = host.periodic(job)
    assert "what its pod used before is not known" in outcome.messages()
    assert str(job.resources_used["cput"]) == "00:00:10"


def test_native_jobs_have_no_record(host: ExecutionHost) -> None:
    host.run("EXECJOB_EPILOGUE", native_job())
    host.periodic(native_job())
    assert records(host) == []
