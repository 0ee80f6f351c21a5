"""A native job's share of a host is reserved in Kubernetes by a static pod on each of its hosts."""
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest

from hooks.execution_host import HOST_HOOK, ExecutionHost, native_job, pods_job
from hooks.recordings import recorded, recorded_job


def test_a_native_job_has_a_static_pod_while_it_runs(host: ExecutionHost) -> None:
    job = native_job("5.pbsserver")
    assert host.run("EXECJOB_BEGIN", job).rejected is None
    (pod,) = host.pods().values()
    assert pod["kind"] == "Pod" and pod["apiVersion"] == "v1"
    assert pod["metadata"]["name"] == "pbs-5-pbsserver"
    assert host.requests() == {"5.pbsserver": {"cpu": "2", "memory": "1048576Ki"}}
    host.run("EXECJOB_END", job)
    assert host.files() == []


def test_a_pods_job_has_none(host: ExecutionHost) -> None:
    host.run("EXECJOB_BEGIN", pods_job())
    assert host.files() == []


def test_a_job_that_only_claims_to_be_a_pods_is_native(host: ExecutionHost) -> None:
    host.run("EXECJOB_BEGIN", pods_job("6.pbsserver", Job_Owner="mallory@pbsserver"))
    assert list(host.requests()) == ["6.pbsserver"]


def test_users_may_be_bound_to_a_submission_host(host: ExecutionHost) -> None:
    host.configure(users=["broker@pbsserver"])
    host.run("EXECJOB_BEGIN", pods_job("6.pbsserver", Job_Owner="broker@elsewhere"))
    host.run("EXECJOB_BEGIN", pods_job("7.pbsserver", Job_Owner="broker@pbsserver"))
    assert list(host.requests()) == ["6.pbsserver"]


def test_the_configuration_shapes_the_pod(host: ExecutionHost) -> None:
    host.configure(namespace="batch", image="registry.example/pause:1", priority_class="system-node-critical",
                   labels={"team": "batch"})
    host.run("EXECJOB_BEGIN", native_job())
    (pod,) = host.pods().values()
    assert pod["metadata"]["namespace"] == "batch"
    assert pod["metadata"]["labels"]["team"] == "batch"
    assert pod["spec"]["priorityClassName"] == "system-node-critical"
    assert pod["spec"]["containers"][0]["image"] == "registry.example/pause:1"


def test_no_scheduler_and_no_connector_takes_the_pod_for_its_own(host: ExecutionHost) -> None:
    host.run("EXECJOB_BEGIN", native_job())
    (pod,) = host.pods().values()
    assert pod["spec"]["schedulerName"] not in ("pbs", "default-scheduler")
    assert "pbs-connector/job-id" not in pod["metadata"]["annotations"]


def test_gpus_are_requested_through_the_resource_map(host: ExecutionHost) -> None:
    host.configure(resources={"ngpus": "amd.com/gpu", "nic": "example.com/nic"})
    host.run("EXECJOB_BEGIN", native_job(exec_vnode="(node1:ncpus=1:ngpus=2:nic=1:licenses=7)", exec_host2="node1:15002/0"))
    assert host.requests() == {"5.pbsserver": {"cpu": "1", "amd.com/gpu": "2", "example.com/nic": "1"}}
    (pod,) = host.pods().values()
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"amd.com/gpu": "2", "example.com/nic": "1"}


@pytest.mark.parametrize("mem, quantity", [
    ("102400kb", "102400Ki"), ("640mb", "655360Ki"), ("1gb", "1048576Ki"), ("2tb", "2147483648Ki"),
    ("1000b", "1000"), ("4096", "4Ki"), ("1kw", "8Ki"), ("10MB", "10240Ki"),
])
def test_sizes(host: ExecutionHost, mem: str, quantity: str) -> None:
    host.run("EXECJOB_BEGIN", native_job(exec_vnode="(node1:ncpus=1:mem=%s)" % mem, exec_host2="node1:15002/0"))
    assert host.requests()["5.pbsserver"]["memory"] == quantity


def test_a_value_that_is_no_number_is_said_and_passed_over(host: ExecutionHost) -> None:
    outcome = host.run("EXECJOB_BEGIN", native_job(exec_vnode="(node1:ncpus=1:ngpus=0.5)", exec_host2="node1:15002/0"))
    assert host.requests() == {"5.pbsserver": {"cpu": "1"}}
    assert "cannot reserve ngpus: '0.5' is neither a number nor a PBS size" in outcome.messages()


CHUNKS = [
    # A job on three hosts, two chunks on one of them.
    ("(node1:ncpus=1:mem=10240kb)+(node2:ncpus=4:mem=1kb)+(node1:ncpus=2:mem=20480kb)+(node3:ncpus=8)",
     "node1:15002/0+node2:15002/0*4+node1:15002/1*2+node3:15002/0*8",
     {"node1": {"cpu": "3", "memory": "30720Ki"}, "node2": {"cpu": "4", "memory": "1Ki"}, "node3": {"cpu": "8"}}),
    # A chunk of several vnodes, of a host whose vnodes are named after it.
    ("(node1[0]:ncpus=2:mem=1024kb+node1[1]:ncpus=1:mem=512kb)", "node1:15002/0*3",
     {"node1": {"cpu": "3", "memory": "1536Ki"}, "node2": None}),
    # Vnodes with names of their own: exec_host2 tells whose they are.
    ("(rack7-a:ncpus=2)+(rack7-b:ncpus=3)", "node1:15002/0*2+node2:15002/0*3",
     {"node1": {"cpu": "2"}, "node2": {"cpu": "3"}}),
    # MoM's full name against the short one, and the other way round.
    ("(v1:ncpus=2)+(v2:ncpus=3)", "node1.example.com:15002/0*2+node2.example.com:15002/0*3",
     {"node1": {"cpu": "2"}, "node2": {"cpu": "3"}, "node2.example.com": {"cpu": "3"}, "node1.example.org": None}),
    # Without exec_host2, vnodes count for the host they are named after.
    ("(node1:ncpus=2)+(node2[3]:ncpus=3)", None, {"node1": {"cpu": "2"}, "node2": {"cpu": "3"}, "node3": None}),
    # Memory alone is no reason for a pod: PBS runs any number of such jobs. A device is one.
    ("(node1:ncpus=0)", "node1:15002/0", {"node1": None}),
    ("(node1:ncpus=0:mem=1gb)", "node1:15002/0", {"node1": None}),
    ("(node1:ncpus=0:mem=1gb:ngpus=1)", "node1:15002/0",
     {"node1": {"cpu": "0", "memory": "1048576Ki", "nvidia.com/gpu": "1"}}),
]


@pytest.mark.parametrize("exec_vnode, exec_host2, expected", CHUNKS)
def test_each_host_reserves_the_sum_of_its_own_chunks(
        tmp_path: Path, exec_vnode: str, exec_host2: str, expected: Dict[str, Any]) -> None:
    for name, requests in expected.items():
        host = ExecutionHost(tmp_path / name, name)
        host.run("EXECJOB_BEGIN", native_job("9.s", exec_vnode=exec_vnode, exec_host2=exec_host2))
        assert host.requests() == ({"9.s": requests} if requests else {}), name


def test_a_host_whose_name_differs_from_its_node(tmp_path: Path) -> None:
    host = ExecutionHost(tmp_path / "host", "compute-17")
    host.pbs_conf["PBS_LEAF_NAME"] = "compute-17.fabric,compute-17.mgmt"
    host.run("EXECJOB_BEGIN", native_job(exec_vnode="(n17:ncpus=2)", exec_host2="compute-17.fabric:15002/0*2"))
    assert host.requests() == {"5.pbsserver": {"cpu": "2"}}


@pytest.mark.parametrize("name, memory", [("node1", "102400Ki"), ("node2", "51200Ki")])
def test_the_recorded_job_on_two_hosts(tmp_path: Path, name: str, memory: str) -> None:
    host = ExecutionHost(tmp_path / name, name)
    job_id = "704.pbsserver"
    host.run("EXECJOB_BEGIN", recorded_job(recorded("EXECJOB_BEGIN", name, job_id)))
    assert host.requests() == {job_id: {"cpu": "1", "memory": memory}}
    before = host.pods()
    if name == "node1":
        # Where a site has the launch event as well, it finds the work done.
        host.run("EXECJOB_LAUNCH", recorded_job(recorded("EXECJOB_LAUNCH", name, job_id)))
    host.run("EXECJOB_EPILOGUE", recorded_job(recorded("EXECJOB_EPILOGUE", name, job_id)))
    assert host.pods() == before
    host.run("EXECJOB_END", recorded_job(recorded("EXECJOB_END", name, job_id)))
    assert host.files() == []


def test_launch_alone_reserves_too(host: ExecutionHost) -> None:
    host.run("EXECJOB_LAUNCH", recorded_job(recorded("EXECJOB_LAUNCH", "node1")))
    assert host.requests() == {"704.pbsserver": {"cpu": "1", "memory": "102400Ki"}}


@pytest.mark.parametrize("job_id, name", [
    ("1234.pbsserver", "pbs-1234-pbsserver"),
    ("1234[5].pbs.example.com", "pbs-1234-5-pbs-example-com"),
    ("7.PBS_Server", "pbs-7-pbs-server"),
    ("8." + "long-name." * 9 + "com", ("pbs-8-" + "long-name-" * 9)[:63].rstrip("-")),
])
def test_job_ids_make_valid_pod_names(host: ExecutionHost, job_id: str, name: str) -> None:
    host.run("EXECJOB_BEGIN", native_job(job_id))
    assert list(host.pods()) == [name]
    assert host.files() == [name + ".json"]
    host.run("EXECJOB_END", native_job(job_id))
    assert host.files() == []


def test_two_jobs_and_an_array_at_once(host: ExecutionHost) -> None:
    """The events run in processes of their own, as under MoM, and at the same time."""
    jobs = ["5.pbsserver", "6.pbsserver", "12[1].pbsserver", "12[2].pbsserver", "1.pbsserver", "121.pbsserver"]
    program = ("import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
               "from hooks.execution_host import native_job, HOST_HOOK\n"
               "from hooks.pbs_stand_in import Event, run_hook\n"
               "print(run_hook(HOST_HOOK, Event('EXECJOB_BEGIN', native_job(sys.argv[3])), Path(sys.argv[2])).log)\n")
    tests = str(Path(__file__).resolve().parents[1])
    processes = [subprocess.Popen([sys.executable, "-c", program, tests, str(host.configuration), job],
                                  stdout=subprocess.PIPE) for job in jobs]
    assert [process.wait(timeout=60) for process in processes] == [0] * len(jobs)
    for process in processes:
        process.communicate()
    assert host.requests() == {job: {"cpu": "2", "memory": "1048576Ki"} for job in jobs}
    host.run("EXECJOB_END", native_job("12[1].pbsserver"))
    assert sorted(host.requests()) == sorted(set(jobs) - {"12[1].pbsserver"})


def test_a_job_deleted_before_it_began(host: ExecutionHost) -> None:
    """Its end comes without a beginning; an aborted job had a beginning but no end."""
    assert host.run("EXECJOB_END", native_job()).rejected is None
    host.run("EXECJOB_BEGIN", native_job())
    assert host.run("EXECJOB_ABORT", native_job(substate="51")).rejected is None
    assert host.run("EXECJOB_ABORT", native_job(substate="51")).rejected is None
    assert host.files() == []


@pytest.mark.skipif("HOOKS_PYTHON" in os.environ, reason="another process does not see the patch")
def test_kubelet_never_reads_half_a_manifest(host: ExecutionHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the rename, only a file that kubelet passes over is there, and then all of it at once."""
    seen: List[List[str]] = []
    rename = os.rename

    def watched(source: str, target: str) -> None:
        seen.append(host.files())
        assert json.loads(Path(source).read_text())["kind"] == "Pod"
        rename(source, target)

    monkeypatch.setattr(os, "rename", watched)
    host.run("EXECJOB_BEGIN", native_job())
    assert len(seen) == 1 and [name[0] for name in seen[0]] == ["."]
    assert host.files() == ["pbs-5-pbsserver.json"]


def test_a_missing_manifest_directory_keeps_no_job_from_running(host: ExecutionHost) -> None:
    host.manifests.rmdir()
    outcome = host.run("EXECJOB_BEGIN", native_job())
    assert outcome.rejected is None
    assert str(host.manifests) in outcome.messages()
    assert host.run("EXECJOB_END", native_job()).rejected is None
    assert str(host.manifests) in host.periodic(native_job()).messages()


def test_strict_refuses_a_job_that_cannot_be_reserved(host: ExecutionHost) -> None:
    host.manifests.rmdir()
    host.configure(strict=True)
    refusal = host.run("EXECJOB_BEGIN", native_job()).rejected
    assert refusal is not None and str(host.manifests) in refusal
    assert host.run("EXECJOB_END", native_job()).rejected is None


@pytest.mark.skipif("HOOKS_PYTHON" in os.environ, reason="another process does not see the patch")
def test_a_full_manifest_directory(host: ExecutionHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing half-written stays behind, and the next exechost_periodic event makes up for it."""
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        outcome = host.run("EXECJOB_BEGIN", native_job())
    assert outcome.rejected is None and "No space left on device" in outcome.messages()
    assert host.files() == []
    host.periodic(native_job())
    assert list(host.requests()) == ["5.pbsserver"]


def test_a_really_full_file_system(host: ExecutionHost) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=3", "tmpfs", str(host.manifests)],
                             stderr=subprocess.PIPE)
    if mounted.returncode != 0:
        pytest.skip("cannot mount a small file system here: %s" % mounted.stderr.decode().strip())
    try:
        (host.manifests / "filler").write_bytes(b"x" * 4096)
        outcome = host.run("EXECJOB_BEGIN", native_job())
        assert outcome.rejected is None and "No space left on device" in outcome.messages()
        assert host.files() == ["filler"]
    finally:
        subprocess.run(["umount", str(host.manifests)], check=True)


def test_periodic_writes_what_is_missing_and_removes_what_is_over(host: ExecutionHost) -> None:
    for job_id in ("5.pbsserver", "6.pbsserver", "7.pbsserver"):
        host.run("EXECJOB_BEGIN", native_job(job_id))
    (host.manifests / "pbs-5-pbsserver.json").unlink()
    (host.manifests / "pbs-6-pbsserver.json").write_text("{half")
    host.periodic(native_job("5.pbsserver"), native_job("6.pbsserver"))
    assert host.requests() == {job: {"cpu": "2", "memory": "1048576Ki"} for job in ("5.pbsserver", "6.pbsserver")}


def test_periodic_leaves_other_manifests_alone(host: ExecutionHost) -> None:
    others = {"etcd.yaml": "kind: Pod", "pbs-monitor.json": json.dumps({"kind": "Pod", "metadata": {"name": "m"}})}
    for name, text in others.items():
        (host.manifests / name).write_text(text)
    host.periodic()
    assert host.files() == sorted(others)


def test_periodic_leaves_a_good_manifest_untouched(host: ExecutionHost) -> None:
    """Rewriting it would have kubelet restart its pod."""
    host.run("EXECJOB_BEGIN", native_job())
    before = os.stat(str(host.manifests / "pbs-5-pbsserver.json"))
    host.periodic(native_job())
    after = os.stat(str(host.manifests / "pbs-5-pbsserver.json"))
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_periodic_follows_a_job_that_gave_up_part_of_its_resources(host: ExecutionHost) -> None:
    host.run("EXECJOB_BEGIN", native_job(exec_vnode="(node1:ncpus=1)+(node1:ncpus=2)", exec_host2="node1:1/0+node1:1/1"))
    host.periodic(native_job(exec_vnode="(node1:ncpus=1)", exec_host2="node1:1/0"))
    assert host.requests() == {"5.pbsserver": {"cpu": "1"}}


def test_periodic_keeps_a_job_that_began_after_its_list_was_made(host: ExecutionHost) -> None:
    """MoM makes the list, starts this hook in the background, and goes on to begin a job."""
    host.run("EXECJOB_BEGIN", native_job())
    manifest = str(host.manifests / "pbs-5-pbsserver.json")
    later = time.time() + 60
    os.utime(manifest, (later, later))
    host.periodic()
    assert list(host.requests()) == ["5.pbsserver"]
    os.utime(manifest, (1, 1))
    host.record(native_job())
    host.periodic()
    assert list(host.requests()) == ["5.pbsserver"], "MoM has the job's file"


def test_periodic_clears_temporary_files_that_a_killed_hook_left(host: ExecutionHost) -> None:
    old, new = host.manifests / ".pbs-5-pbsserver.17", host.manifests / ".pbs-6-pbsserver.18"
    for path in (old, new):
        path.write_text("{")
    os.utime(str(old), (1, 1))
    host.periodic()
    assert host.files() == [new.name]


def test_a_job_that_is_ending_gets_no_new_manifest(host: ExecutionHost) -> None:
    host.periodic(native_job(substate="53"))
    assert host.files() == []


def test_a_host_that_crashed_heals_at_startup(host: ExecutionHost) -> None:
    for job_id in ("5.pbsserver", "6.pbsserver"):
        host.run("EXECJOB_BEGIN", native_job(job_id))
    host.record(native_job("6.pbsserver"), native_job("12[3].pbsserver"), pods_job("8.pbsserver"))
    host.startup()
    assert host.requests() == {job: {"cpu": "2", "memory": "1048576Ki"} for job in ("6.pbsserver", "12[3].pbsserver")}


def test_startup_removes_nothing_of_a_job_whose_file_cannot_be_read(host: ExecutionHost) -> None:
    host.run("EXECJOB_BEGIN", native_job())
    host.record(native_job())
    (host.directory / "pbs" / "bin" / "printjob.bin").unlink()
    assert "cannot read MoM's job files" in host.startup().messages()
    assert list(host.requests()) == ["5.pbsserver"]


def test_startup_of_an_empty_host(host: ExecutionHost) -> None:
    host.run("EXECJOB_BEGIN", native_job())
    host.startup()
    assert host.files() == []


def test_a_new_configuration_while_jobs_run(host: ExecutionHost, tmp_path: Path) -> None:
    """Manifests that are there stay as they are; another directory is filled by the next periodic
    event, and at the end nothing is left where kubelet reads."""
    job = native_job()
    host.run("EXECJOB_BEGIN", job)
    before = host.pods()
    host.configure(image="registry.example/pause:2", namespace="batch", labels={"a": "b"})
    host.periodic(job)
    assert host.pods() == before
    host.run("EXECJOB_END", job)
    assert host.files() == []

    host.run("EXECJOB_BEGIN", job)
    host.manifests = tmp_path / "other"
    host.manifests.mkdir()
    host.configure(kubelet_config=str(host.manifests))
    host.periodic(job)
    assert list(host.requests()) == ["5.pbsserver"]
    host.run("EXECJOB_END", job)
    assert host.files() == []


def test_a_job_that_was_native_under_the_old_configuration(host: ExecutionHost) -> None:
    host.configure(users=[])
    host.run("EXECJOB_BEGIN", pods_job("6.pbsserver"))
    host.configure(users=["root"])
    host.run("EXECJOB_END", pods_job("6.pbsserver"))
    assert host.files() == []


def test_a_broken_configuration_is_logged_and_keeps_no_job_from_running(host: ExecutionHost) -> None:
    host.configure(kubelet_config=3)
    outcome = host.run("EXECJOB_BEGIN", native_job())
    assert outcome.rejected is None
    assert "kubelet_config: 3 is not of type directory" in outcome.messages()


def test_settings_for_one_host_override_the_others(host: ExecutionHost, tmp_path: Path) -> None:
    (tmp_path / "special").mkdir()
    overrides = {"node1.example.com": {"kubelet_config": str(tmp_path / "special")}, "node2": {"kubelet_config": ""}}
    host.configure(hosts=overrides)
    host.run("EXECJOB_BEGIN", native_job())
    assert host.files() == []
    assert os.listdir(str(tmp_path / "special")) == ["pbs-5-pbsserver.json"]


def test_an_empty_directory_name_turns_reservations_off(host: ExecutionHost) -> None:
    host.configure(kubelet_config="", placeholder="")
    assert host.run("EXECJOB_BEGIN", native_job()).log == []
    assert host.periodic(native_job()).log == []


def test_the_hook_file_runs_nothing_when_it_is_imported() -> None:
    program = "import sys, types; sys.modules['pbs'] = types.ModuleType('pbs'); exec(open(sys.argv[1]).read())"
    assert subprocess.run([sys.executable, "-c", program, str(HOST_HOOK)]).returncode == 0
