"""What PBS gave to a pod's job, told to the server before the pod starts."""
import json
from typing import Any, Dict

import pytest

from hooks.execution_host import ExecutionHost, native_job, pods_job

# As pbs_cgroups leaves it.
ASSIGNED = {"cpuset.cpus": [0, 1, 2, 8], "cpuset.mems": [0], "device_names": ["nvidia0", "nvidia3"],
            "devices": [["c", 195, 0, "rwm"]]}
GPUS = ("GPU-5a2b7c11-0000-4000-8000-000000000001", "MIG-5a2b7c11-0000-4000-8000-000000000002")


def assign(host: ExecutionHost, assigned: Any = None, variables: str = "", job_id: str = "6.pbsserver") -> None:
    """Write down what pbs_cgroups would of a job."""
    for directory, name, text in (("mom_priv/hooks/hook_data", job_id, json.dumps(assigned) if assigned is not None else ""),
                                  ("aux", job_id + ".env", variables)):
        path = host.directory / directory
        path.mkdir(parents=True, exist_ok=True)
        if text:
            (path / name).write_text(text)


def told(host: ExecutionHost, **attributes: str) -> Dict[str, str]:
    """What the job says after its begin."""
    job = pods_job(**attributes)
    assert host.run("EXECJOB_BEGIN", job).rejected is None
    value = job.Variable_List.get("KUBERNETES_DEVICES")
    return dict(pair.split("=") for pair in value.split(";")) if value is not None else {}


def test_what_pbs_cgroups_gave(host: ExecutionHost) -> None:
    assign(host, ASSIGNED, "CUDA_VISIBLE_DEVICES=%s,%s\nCUDA_DEVICE_ORDER=PCI_BUS_ID" % GPUS)
    assert told(host) == {"gpus": "+".join(GPUS), "devices": "nvidia0+nvidia3", "cpus": "0-2+8", "mems": "0"}


def test_vnodes_where_a_host_has_several(host: ExecutionHost) -> None:
    vnodes = "(node1[0]:ncpus=1:ngpus=1+node1[1]:ncpus=1)+(node2[0]:ncpus=1)"
    assert told(host, exec_vnode=vnodes, exec_host2="node1:15002/0+node2:15002/0") == {"vnodes": "node1[0]+node1[1]"}


def test_nothing_where_nothing_is_known(host: ExecutionHost) -> None:
    job = pods_job()
    outcome = host.run("EXECJOB_BEGIN", job)
    assert "KUBERNETES_DEVICES" not in job.Variable_List and "PBS gave" not in outcome.messages()


def test_what_another_run_of_the_job_was_given_does_not_stay(host: ExecutionHost) -> None:
    job = pods_job()
    job.Variable_List["KUBERNETES_DEVICES"] = "gpus=GPU-1"
    host.run("EXECJOB_BEGIN", job)
    assert job.Variable_List["KUBERNETES_DEVICES"] == ""


def test_a_native_job_needs_nobody_to_be_told(host: ExecutionHost) -> None:
    assign(host, ASSIGNED, job_id="5.pbsserver")
    job = native_job()
    host.run("EXECJOB_BEGIN", job)
    assert "KUBERNETES_DEVICES" not in job.Variable_List


@pytest.mark.parametrize("assigned, variables", [
    ([1], ""), ("x", "CUDA_VISIBLE_DEVICES"), ({"cpuset.cpus": "0-1", "device_names": {"a": 1}}, ""),
    ({"cpuset.cpus": [True, -1], "device_names": [1, None]}, "\n\n=\n"),
    ({"device_names": ["a b", "x;y", "$(reboot)"]}, "CUDA_VISIBLE_DEVICES=\"x\",a b,\u00e4"),
])
def test_files_that_make_no_sense(host: ExecutionHost, assigned: Any, variables: str) -> None:
    assign(host, assigned, variables)
    assert told(host) == {}


def test_files_that_are_no_text(host: ExecutionHost) -> None:
    assign(host, ASSIGNED, "x")
    (host.directory / "mom_priv/hooks/hook_data/6.pbsserver").write_bytes(b"\xff\0")
    (host.directory / "aux/6.pbsserver.env").write_bytes(b"\xff\0")
    assert told(host) == {}


def test_more_than_an_update_may_hold(host: ExecutionHost) -> None:
    assign(host, {"device_names": ["d%d" % n for n in range(2000)]})
    job = pods_job()
    outcome = host.run("EXECJOB_BEGIN", job)
    assert "KUBERNETES_DEVICES" not in job.Variable_List and "too long to be told" in outcome.messages()
