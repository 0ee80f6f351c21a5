"""Both hooks on what a real PBS sent (OpenPBS 23.06.06) for a pod's job with proof of submission,
and for a job that its user made up lines of PBS's own in."""
import json
import time
from pathlib import Path
from typing import Any

import pytest

from hooks.cgroup_tree import PodCgroup
from hooks.execution_host import HOST_HOOK, POD_UID, ExecutionHost, native_job
from hooks.pbs_stand_in import Event, run_hook
from hooks.proof import CLUSTER, KEY, token, write_keys
from hooks.recordings import RECORDED, proof_events, recorded_job
from hooks.test_server_hook import Broker, Server
from hooks.timing import elapsed

PROOF = "%s/%s/default/redis" % (CLUSTER, POD_UID)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """A PBS server that wants proof."""
    made = Server(tmp_path)
    made.configure(proof="required", key_file=str(tmp_path / "keys"))
    write_keys(tmp_path / "keys", KEY)
    return made


@pytest.fixture
def host(tmp_path: Path) -> ExecutionHost:
    """The host that the recorded jobs ran on; the job's side is all that it looks at."""
    made = ExecutionHost(tmp_path / "node2", "node2")
    made.configure(proof="required")
    return made


def test_the_submission(server: Server) -> None:
    (entry,) = proof_events("QUEUEJOB")
    job = recorded_job(entry)
    assert job.Resource_List["k8s_token"] == "1.cGF5bG9hZA.c2lnbmF0dXJl"
    assert "not accepted" in str(server.run("QUEUEJOB", job, entry["user"], entry["requestor_host"]).rejected)
    select = "1:ncpus=0:mem=10mb:host=node2"
    assert job.Resource_List["select"] == select, "as it was given to qsub"
    job.Resource_List["k8s_token"] = token(select=select, expiry=int(time.time()) + 300)
    assert server.run("QUEUEJOB", job, entry["user"], entry["requestor_host"]).rejected is None
    assert (job.Resource_List["k8s_pod"], job.Resource_List["k8s_token"]) == (PROOF, None)


def test_the_owners_changes_are_refused(server: Server) -> None:
    (modified,), (moved,) = proof_events("MODIFYJOB"), proof_events("MOVEJOB")
    before = recorded_job(dict(modified["job_o"], id=modified["id"]))
    assert before.Resource_List["k8s_pod"] == PROOF
    outcome = server.run("MODIFYJOB", recorded_job(modified), modified["user"], modified["requestor_host"], job_o=before)
    assert "job 257.pbsserver is a pod's" in str(outcome.rejected)
    assert "is a pod's" in str(server.run("MOVEJOB", recorded_job(moved), "alice", moved["requestor_host"]).rejected)
    # pbs-broker's own user, in whose hands the keys are.
    assert server.run("MOVEJOB", recorded_job(moved), moved["user"], moved["requestor_host"]).rejected is None


@pytest.mark.parametrize("event", ["POSTQUEUEJOB", "RUNJOB", "JOBOBIT"])
def test_its_hints(server: Server, event: str) -> None:
    broker = Broker(server.socket)
    try:
        entry = proof_events(event)[0]
        assert server.run(event, recorded_job(entry), entry["user"], entry["requestor_host"]).rejected is None
        message = json.loads(broker.receive().partition(b" ")[2].decode())
        assert message == {"type": "hint", "job": "257.pbsserver", "event": event.lower()}
    finally:
        broker.close()


def test_its_life_on_the_host(host: ExecutionHost) -> None:
    cgroup = PodCgroup(host.cgroups, 2, POD_UID)
    cgroup.use(5, 4096000)
    for event in ("EXECJOB_BEGIN", "EXECJOB_POSTSUSPEND", "EXECJOB_PRERESUME", "EXECJOB_EPILOGUE", "EXECJOB_END"):
        (entry,) = proof_events(event)
        job = recorded_job(entry)
        assert host.run(event, job).rejected is None
        assert cgroup.frozen == (event == "EXECJOB_POSTSUSPEND")
        assert host.files() == []
        if event == "EXECJOB_EPILOGUE":
            assert str(job.resources_used["cput"]) == "00:00:05"
    job = recorded_job(proof_events("EXECHOST_PERIODIC")[0])
    host.periodic(job)
    assert str(job.resources_used["cput"]) == "00:00:05"


def test_without_the_resource_its_variables_are_decoration(host: ExecutionHost) -> None:
    (entry,) = proof_events("EXECJOB_BEGIN")
    job = recorded_job(dict(entry, exec_vnode="(node2:ncpus=1)"))
    job.Resource_List["k8s_pod"] = None
    host.run("EXECJOB_BEGIN", job)
    assert list(host.requests()) == ["257.pbsserver"], "a native job"


def test_the_forging_job_is_refused(server: Server) -> None:
    (entry,) = proof_events("QUEUEJOB", "hkforge")
    job = recorded_job(entry)
    # The recording has the variables as one text; PBS hands them to hooks as a dictionary.
    job.Variable_List = {"A": entry["Variable_List"].partition(",A=")[2]}
    account, job.Account_Name, job.Submit_arguments = job.Account_Name, None, None
    assert "Variable_List has a line that begins with 'pbs.'" in str(server.run("QUEUEJOB", job, "alice").rejected)
    job.Variable_List, job.Account_Name = {}, account
    assert "Account_Name has a line" in str(server.run("QUEUEJOB", job, "alice").rejected)


def test_a_host_without_a_list_of_jobs_reads_their_files(host: ExecutionHost) -> None:
    """As it was while the forging job ran, submitted where the server's hook was not installed."""
    host.record(native_job("5.pbsserver", exec_vnode="(node2:ncpus=2)", exec_host2="node2:15002/0"))
    host.run("EXECJOB_BEGIN", native_job("4.pbsserver", exec_vnode="(node2:ncpus=1)", exec_host2="node2:15002/0"))
    outcome = run_hook(HOST_HOOK, Event("EXECHOST_PERIODIC"), host.configuration, host.name, host.pbs_conf)
    assert outcome.rejected is None and "no list of jobs" in outcome.messages()
    assert host.requests() == {"5.pbsserver": {"cpu": "2"}}


@pytest.fixture
def printjob(host: ExecutionHost) -> Any:
    """A MoM whose printjob prints what the real one did."""
    program = host.directory / "pbs" / "bin" / "printjob.bin"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\ncat \"$1\"\n")
    program.chmod(0o755)

    def put(job_id: str, text: str) -> None:
        (host.jobs / (job_id + ".JB")).write_text(text)

    return put


def test_printjob_of_a_pods_job(host: ExecutionHost, printjob: Any) -> None:
    text = (RECORDED / "printjob-pods-job.txt").read_text().replace("ncpus=0", "ncpus=1")
    printjob("257.pbsserver", text)
    host.startup()
    assert host.files() == []
    printjob("257.pbsserver", text.replace("Resource_List.k8s_pod = c0ffee", "Resource_List.other = c0ffee"))
    host.startup()
    assert list(host.requests()) == ["257.pbsserver"], "the proof alone made the difference"


@pytest.mark.parametrize("old, new", [
    ("258.pbsserver", "1.pbsserver"),  # another job's
    ("Account_Name = acc", "Account_Name = acc\nJob_Owner = pbs-broker@pbsserver"),
    ("A=x", "A=x\nResource_List.k8s_pod = a/b/c/d"),
    ("A=x", "A=x\njobid:\t1.pbsserver"),
])
def test_printjob_of_a_job_that_cannot_be_told_from_a_forgery(host: ExecutionHost, printjob: Any, old: str, new: str) -> None:
    text = (RECORDED / "printjob-forging-job.txt").read_text().replace("ncpus=0", "ncpus=1")
    assert text.count(old) == 1 or old == "258.pbsserver"
    printjob("258.pbsserver", text.replace(old, new))
    outcome = host.startup()
    assert host.files() == [] and "its file is not believed" in outcome.messages()
    assert all("\n" not in message for _, message in outcome.log)


def test_what_printjob_says_is_limited(host: ExecutionHost, printjob: Any) -> None:
    printjob("9.pbsserver", "jobid:\t9.pbsserver\n--attributes--\nComment = %s\n" % ("x" * 2 ** 20))
    assert "says more than 1048576 octets" in host.startup().messages()


def test_a_printjob_that_hangs_is_given_up_for_all_files_together(host: ExecutionHost, printjob: Any, tmp_path: Path) -> None:
    hook = tmp_path / HOST_HOOK.name
    hook.write_text(HOST_HOOK.read_text().replace("LONGEST_READING = 10", "LONGEST_READING = 0.5"))
    (host.directory / "pbs" / "bin" / "printjob.bin").write_text("#!/bin/sh\nexec sleep 600\n")
    for number in range(20):
        printjob("%d.pbsserver" % number, "")
    seconds, outcome = elapsed(lambda: run_hook(hook, Event("EXECHOST_STARTUP"), host.configuration, host.name, host.pbs_conf))
    assert seconds < 3 and "cannot read MoM's job files" in outcome.messages()


def test_files_that_are_not_named_after_jobs_are_nobodys(host: ExecutionHost, printjob: Any) -> None:
    text = (RECORDED / "printjob-forging-job.txt").read_text()
    for name in ("-x.pbsserver", "5", "x\n5.pbsserver", "5.pbs server"):
        printjob(name, text)
    outcome = host.startup()
    assert host.files() == [] and outcome.messages().count("is not named after a job") == 4 * 2
    assert all("\n" not in message for _, message in outcome.log)


def test_a_job_that_mom_has_no_file_of_is_no_job(host: ExecutionHost) -> None:
    """A line in a job's variables made it up."""
    job = recorded_job(dict(proof_events("EXECHOST_PERIODIC")[0], resources_used="cput=00:00:00"))
    PodCgroup(host.cgroups, 2, POD_UID).use(5, 4096000)
    event = Event("EXECHOST_PERIODIC", job_list={job.id: job})
    outcome = run_hook(HOST_HOOK, event, host.configuration, host.name, host.pbs_conf)
    assert "of which MoM has no file" in outcome.messages()
    assert str(job.resources_used["cput"]) == "00:00:00"
