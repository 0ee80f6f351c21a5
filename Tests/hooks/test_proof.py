"""Proof of submission: what the server believes, and who may change what it has believed."""
import os
import time
from pathlib import Path
from typing import Any, Dict, Optional

import pytest

from hooks.execution_host import HOOKS, POD_UID, native_job, pods_job
from hooks.pbs_stand_in import Job, Outcome, ResourceList
from hooks.proof import CLUSTER, KEY, SELECT, base64url, token, write_keys
from hooks.test_server_hook import Server

OTHER_KEY = bytes(range(1, 33))
PROOF = "%s/%s/default/redis" % (CLUSTER, POD_UID)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """A PBS server that wants proof."""
    made = Server(tmp_path)
    made.configure(proof="required", key_file=str(tmp_path / "keys"))
    write_keys(tmp_path / "keys", KEY)
    return made


def soon() -> int:
    """An expiry as pbs-broker sets it."""
    return int(time.time()) + 300


def submission(text: Optional[str], variables: Optional[Dict[str, str]] = None, select: str = SELECT, **attributes: Any) -> Job:
    """What queuejob carries of a job that brings a token."""
    resources = {"select": select, "place": "free"}
    if text is not None:
        resources["k8s_token"] = text
    if variables is None:
        variables = {"KUBERNETES_POD_UID": POD_UID, "PBS_O_HOME": "/home/pbs-broker"}
    return Job("", dict({"Variable_List": variables, "Resource_List": ResourceList(resources)}, **attributes))


def resources(job: Job) -> Dict[str, str]:
    """What a job asks for after the hook."""
    return job.Resource_List.values


def test_a_token_becomes_the_pod_of_the_job(server: Server) -> None:
    job = submission(token(expiry=soon()))
    assert server.run("QUEUEJOB", job) == Outcome(None, [])
    assert resources(job) == {"select": SELECT, "place": "free", "k8s_pod": PROOF}


def test_the_variables_are_decoration(server: Server) -> None:
    job = submission(token(expiry=soon()), variables={})
    assert server.run("QUEUEJOB", job).rejected is None
    assert resources(job)["k8s_pod"] == PROOF


def test_a_users_own_job_goes_its_way(server: Server) -> None:
    assert server.run("QUEUEJOB", submission(None, variables={"A": "b"}), "alice") == Outcome(None, [])


def test_the_example_in_the_documentation() -> None:
    text = (HOOKS.parent / "docs" / "hooks.md").read_text()
    assert "    %s\n" % token() in text


REFUSED = [
    (lambda: None, {}, "need a token"),
    (lambda: "", {}, "no token of version 1"),
    (lambda: "x", {}, "no token of version 1"),
    (lambda: "1.a.b.c", {}, "no token of version 1"),
    (lambda: token(expiry=soon(), version="2"), {}, "no token of version 1"),
    (lambda: "1." + "A" * 4000 + ".A", {}, "no token of version 1"),
    (lambda: "1.!.AA", {}, "cannot be decoded"),
    (lambda: "1.A.AA", {}, "cannot be decoded"),
    (lambda: "1.AB.AA", {}, "cannot be decoded"),  # unused bits that are not zero
    (lambda: "1.%s.AA" % base64url(b"\xff\xfe"), {}, "cannot be decoded"),
    (lambda: "1.AA.AA", {}, "1 fields instead of 7"),
    (lambda: token(expiry=soon()) + "=", {}, "cannot be decoded"),
    (lambda: token(expiry=soon(), key=OTHER_KEY), {}, "not signed with this server's key"),
    (lambda: token(expiry=soon())[:-4] + "AAAA", {}, "not signed with this server's key"),
    (lambda: token(expiry=soon()).rpartition(".")[0] + ".", {}, "not signed with this server's key"),
    (lambda: token(expiry=soon(), select="2:ncpus=8"), {}, "another select"),
    (lambda: token(expiry=soon()), dict(requestor="alice"), "for pbs-broker@pbsserver, not for alice@pbsserver"),
    (lambda: token(expiry=soon()), dict(host="evilhost"), "for pbs-broker@pbsserver, not for pbs-broker@evilhost"),
    (lambda: token(expiry=soon()), dict(host="pbsserver.evil.org"), "not for pbs-broker@pbsserver.evil.org"),
    (lambda: token(expiry=soon(), user="pbs-broker"), {}, "its user is not valid"),
    (lambda: token(expiry=int(time.time()) - 1), {}, "has expired"),
    (lambda: token(expiry=int(time.time()) + 7200), {}, "valid for more than 3600 s"),
    (lambda: token(expiry="9" * 13), {}, "its expiry is not valid"),
    (lambda: token(expiry=soon(), uid="../x"), {}, "its uid is not valid"),
    (lambda: token(expiry=soon(), namespace="a/b"), {}, "its namespace is not valid"),
    (lambda: token(expiry=soon(), name="a\nb"), {}, "8 fields instead of 7"),
    (lambda: token(expiry=soon(), name="a\tb"), {}, "its name is not valid"),
    (lambda: token(expiry=soon(), cluster="a/b"), {}, "its cluster is not valid"),
    (lambda: token(expiry=soon(), nonce="short"), {}, "its nonce is not valid"),
    (lambda: token(expiry=soon(), uid="00000000-0000-0000-0000-000000000000"), {}, "not the UID that k8s_token proves"),
]


@pytest.mark.parametrize("make, who, words", REFUSED)
def test_what_does_not_verify_is_refused(server: Server, make: Any, who: Dict[str, str], words: str) -> None:
    job = submission(make())
    outcome = server.run("QUEUEJOB", job, **who)  # type: ignore[arg-type]
    assert words in str(outcome.rejected)
    assert "k8s_pod" not in resources(job)


def test_host_names_are_compared_without_regard_to_case(server: Server) -> None:
    assert server.run("QUEUEJOB", submission(token(expiry=soon())), host="PBSserver").rejected is None


def test_a_token_of_somebody_elses_is_of_no_use_without_its_variables_either(server: Server) -> None:
    """A PBS user finds it in Submit_arguments."""
    assert "not for mallory@pbsserver" in str(
        server.run("QUEUEJOB", submission(token(expiry=soon()), variables={}), "mallory").rejected)


@pytest.mark.parametrize("keys, accepted", [((OTHER_KEY, KEY), True), ((KEY, OTHER_KEY), True), ((OTHER_KEY,), False)])
def test_two_keys_count_at_a_time(server: Server, tmp_path: Path, keys: Any, accepted: bool) -> None:
    write_keys(tmp_path / "keys", *keys)
    outcome = server.run("QUEUEJOB", submission(token(expiry=soon())))
    assert (outcome.rejected is None) == accepted


@pytest.mark.parametrize("content, mode, words", [
    (None, 0, "has no keys"), ("", 0o600, "cannot read its keys"), ("secret\n", 0o600, "cannot read its keys"),
    ((KEY.hex() + "\n") * 3, 0o600, "cannot read its keys"), ("#" * 5000, 0o600, "cannot read its keys"),
    (KEY.hex(), 0o640, "not root's alone"), (KEY.hex(), 0o604, "not root's alone"), (KEY.hex(), 0o620, "not root's alone"),
])
def test_without_good_keys_no_pods_job_is_taken(
        server: Server, tmp_path: Path, content: Optional[str], mode: int, words: str) -> None:
    (tmp_path / "keys").unlink()
    if content is not None:
        (tmp_path / "keys").write_text(content)
        (tmp_path / "keys").chmod(mode)
    refusal = str(server.run("QUEUEJOB", submission(token(expiry=soon()))).rejected)
    assert words in refusal and KEY.hex() not in refusal
    assert server.run("QUEUEJOB", submission(None, variables={}), "alice").rejected is None


@pytest.mark.parametrize("proof", ["required", "owner"])
@pytest.mark.parametrize("requestor", ["alice", "pbs-broker", "root"])
def test_nobody_brings_a_pod_along(server: Server, tmp_path: Path, proof: str, requestor: str) -> None:
    server.configure(proof=proof, key_file=str(tmp_path / "keys"))
    for variables in ({}, {"KUBERNETES_POD_UID": POD_UID}):
        job = submission(token(expiry=soon()), variables=variables)
        job.Resource_List["k8s_pod"] = PROOF
        assert "set by PBS's server alone" in str(server.run("QUEUEJOB", job, requestor).rejected)


def test_a_pods_job_is_no_array(server: Server) -> None:
    job = submission(token(expiry=soon()), array_indices_submitted="0-1000")
    assert "no job array" in str(server.run("QUEUEJOB", job).rejected)


def test_while_the_owner_counts_a_token_that_is_brought_must_verify(server: Server, tmp_path: Path) -> None:
    server.configure(proof="owner", key_file=str(tmp_path / "keys"))
    assert server.run("QUEUEJOB", submission(None)).rejected is None
    job = submission(token(expiry=soon()))
    assert server.run("QUEUEJOB", job).rejected is None and resources(job)["k8s_pod"] == PROOF
    assert "not accepted" in str(server.run("QUEUEJOB", submission(token(expiry=soon(), key=OTHER_KEY))).rejected)
    job = submission(token(expiry=soon(), user="alice@login1"))
    assert server.run("QUEUEJOB", job, "alice", "login1").rejected is None, "another user's, and proven"


def test_a_pbs_without_the_resources(server: Server) -> None:
    """Nobody has run hooks/install of this release there."""
    server.configure(proof="owner")
    job = submission(None)
    job.Resource_List = ResourceList({"select": SELECT}, known={"select"})
    assert server.run("QUEUEJOB", job).rejected is None
    job = submission(None)
    job.Resource_List = ResourceList({"select": SELECT}, known={"select"})
    assert "users in pbs_kubernetes.CF" in str(server.run("QUEUEJOB", job, "alice").rejected)


class Broken(dict):  # type: ignore[type-arg]
    """A Variable_List that fails when it is gone through."""

    def items(self) -> Any:
        raise RuntimeError("out of order")


@pytest.mark.skipif("HOOKS_PYTHON" in os.environ, reason="what is broken is not handed to another process")
def test_a_check_that_fails_refuses_pods_jobs_and_no_others(server: Server) -> None:
    job = submission(token(expiry=soon()))
    job.Variable_List = Broken(job.Variable_List)
    outcome = server.run("QUEUEJOB", job)
    assert "cannot be checked" in str(outcome.rejected) and "out of order" in outcome.messages()
    job = submission(None, variables={})
    job.Variable_List = Broken()
    assert server.run("QUEUEJOB", job, "alice").rejected is None


# What owners may do to a job that the server has believed.


def proven_job(**attributes: Any) -> Job:
    """A pod's job of alice's, as the server has it."""
    return native_job("6.pbsserver", **dict({"Resource_List": ResourceList({"k8s_pod": PROOF, "select": SELECT})}, **attributes))


CHANGES = [
    {"Resource_List": ResourceList({"select": "1:ncpus=8"})}, {"Job_Name": "other"}, {"Account_Name": "x"},
    {"Resource_List": ResourceList({"walltime": "01:00:00"})}, {"Variable_List": {"A": "b"}},
]


@pytest.mark.parametrize("changes", CHANGES)
def test_the_owner_of_a_pods_job_does_not_alter_it(server: Server, changes: Dict[str, Any]) -> None:
    outcome = server.run("MODIFYJOB", Job("6.pbsserver", changes), "alice", job_o=proven_job())
    assert "job 6.pbsserver is a pod's" in str(outcome.rejected)
    assert server.run("MODIFYJOB", Job("5.pbsserver", changes), "alice", job_o=native_job()).rejected is None


def test_the_owner_of_a_pods_job_does_not_move_it(server: Server) -> None:
    assert "is a pod's" in str(server.run("MOVEJOB", proven_job(), "alice").rejected)
    assert server.run("MOVEJOB", native_job(), "alice").rejected is None


@pytest.mark.parametrize("requestor, host, server_attributes, allowed", [
    ("root", "pbsserver", {}, True),
    ("root", "evilhost", {}, False),
    ("Scheduler", "pbsserver", {}, True),
    ("alice", "pbsserver", {}, False),
    ("bob", "login1", {"managers": "root@*,bob@login1"}, True),
    ("bob", "login2", {"managers": "root@*,bob@login1"}, False),
    ("bob", "login2", {"operators": "bob@*"}, True),
    ("bob", "a.example.com", {"operators": "bob@*.example.com"}, True),
    ("bob", "a.example.org", {"operators": "bob@*.example.com"}, False),
    ("bob", "LOGIN1", {"operators": "+bob@Login1"}, True),
    ("bob", "login1", {"operators": "bob@*,-bob@login1"}, False),
    ("bobby", "login1", {"operators": "bob@*"}, False),
])
def test_operators_and_managers_alter_and_move_it(
        server: Server, requestor: str, host: str, server_attributes: Dict[str, str], allowed: bool) -> None:
    for event, job, job_o in (("MODIFYJOB", Job("6.pbsserver", {"Job_Name": "x"}), proven_job()),
                              ("MOVEJOB", proven_job(), None)):
        outcome = server.run(event, job, requestor, host, job_o=job_o, **server_attributes)
        assert (outcome.rejected is None) == allowed


def test_without_proof_the_brokers_jobs_are_changed_by_the_broker_alone(server: Server) -> None:
    server.configure(proof="owner")
    job_o, change = pods_job(), {"Job_Name": "x"}
    assert server.run("MODIFYJOB", Job("6.pbsserver", change), "pbs-broker", job_o=job_o).rejected is None
    assert server.run("MOVEJOB", pods_job(), "pbs-broker").rejected is None
    for who in (("pbs-broker", "evilhost"), ("alice", "pbsserver")):
        assert "is a pod's" in str(server.run("MODIFYJOB", Job("6.pbsserver", change), *who, job_o=job_o).rejected)
        assert "is a pod's" in str(server.run("MOVEJOB", pods_job(), *who).rejected)
    claims = pods_job(Job_Owner="alice@pbsserver")
    assert server.run("MODIFYJOB", Job("6.pbsserver", {"Job_Name": "x"}), "alice", job_o=claims).rejected is None


@pytest.mark.parametrize("changes", [
    {"Resource_List": ResourceList({"k8s_pod": PROOF})}, {"Resource_List": ResourceList({"k8s_token": "x"})},
    {"Variable_List": {"KUBERNETES_POD_UID": POD_UID}}])
@pytest.mark.parametrize("requestor", ["alice", "root"])
def test_no_job_becomes_a_pods_later(server: Server, changes: Dict[str, Any], requestor: str) -> None:
    outcome = server.run("MODIFYJOB", Job("5.pbsserver", changes), requestor, job_o=native_job())
    assert "counts at submission only" in str(outcome.rejected)


# Values with lines of PBS's own.

FORGERIES = [
    "x\nJob Id: 1.pbsserver\n    job_state = F", "x\npbs.event().job_list[\"5.pbsserver\"].Job_Owner=pbs-broker@pbsserver",
    "x\n  Job_Owner = pbs-broker@pbsserver", "x\nResource_List.k8s_pod = a/b/c/d", "x\r\nexec_vnode = (node1:ncpus=4)",
    "x\"\"\"\npbs.event().job.substate=43", "x\njobid:\t7.pbsserver", "x\n\tsession_id = 1",
]


@pytest.mark.parametrize("text", FORGERIES)
@pytest.mark.parametrize("attribute", ["Variable_List", "Account_Name", "Submit_arguments"])
def test_a_line_that_reads_like_pbss_own_is_refused_in_any_job(server: Server, attribute: str, text: str) -> None:
    value: Any = {"A": text} if attribute == "Variable_List" else text
    refusal = str(server.run("QUEUEJOB", submission(None, **{"variables": {}, attribute: value}), "alice").rejected)
    assert attribute in refusal and "take for its own" in refusal and "\n" not in refusal
    assert server.run("MODIFYJOB", Job("5.pbsserver", {attribute: value}), "alice", job_o=native_job()).rejected is not None


@pytest.mark.parametrize("text", [
    "() {  eval $(/usr/bin/modulecmd bash $*)\n}", "first\nsecond", "Job Id: 5", "pbs.event()", "a\n\nqsub -v pbs.x=1",
    "x\n  export PBS_HOME=/x", "() {\n  comment=$1\n  Job_Name=x\n}"])
def test_values_of_several_lines_are_common(server: Server, text: str) -> None:
    job = submission(None, variables={"BASH_FUNC_module%%": text})
    assert server.run("QUEUEJOB", job, "alice") == Outcome(None, [])


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\x1b[2J", "a\x00", "a\x7f", "a\u0085b", "a\u2028b"])
def test_a_pods_job_has_no_control_characters(server: Server, text: str) -> None:
    variables = {"KUBERNETES_POD_UID": POD_UID, "A": text}
    assert "control character" in str(server.run("QUEUEJOB", submission(token(expiry=soon()), variables)).rejected)
    job = submission(token(expiry=soon()), Account_Name=text)
    assert "Account_Name of a pod's job has a control character" in str(server.run("QUEUEJOB", job).rejected)
