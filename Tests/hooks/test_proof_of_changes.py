"""Proof of alterations: pbs-broker's are signed, and nobody else's pass for them."""
import time
from pathlib import Path
from typing import Any, Dict

import pytest

from hooks.execution_host import POD_UID, native_job, pods_job
from hooks.pbs_stand_in import Job, ResourceList, duration
from hooks.proof import CLUSTER, KEY, token, write_keys
from hooks.test_server_hook import Server

PROOF = "%s/%s/default/redis" % (CLUSTER, POD_UID)
VARIABLES = {"KUBERNETES_POD_UID": POD_UID, "PBS_O_HOME": "/home/pbs-broker"}
SIGNED = "alter 6.pbsserver Priority=5 Resource_List.select=1:ncpus=4 Resource_List.walltime=01:00:00"


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """A PBS server that wants proof."""
    made = Server(tmp_path)
    made.configure(proof="required", key_file=str(tmp_path / "keys"))
    write_keys(tmp_path / "keys", KEY)
    return made


def proven_job(owner: str = "alice") -> Job:
    """A pod's job, as the server has it."""
    return native_job("6.pbsserver", Job_Owner="%s@pbsserver" % owner, Variable_List=VARIABLES,
                      Resource_List=ResourceList({"k8s_pod": PROOF, "select": "1:ncpus=1"}))


def change(signed: str = SIGNED, resources: Any = None, **changes: Any) -> Job:
    """What modifyjob carries of an alteration that brings a token."""
    user = changes.pop("user", "alice@pbsserver")
    text = token(signed, user=user, expiry=int(time.time()) + 300, **changes)
    listed = {"select": "1:ncpus=4", "walltime": duration("01:00:00"), "k8s_token": text}
    listed.update(resources or {})
    return Job("6.pbsserver", {"Priority": 5, "Variable_List": VARIABLES, "Resource_List": ResourceList(listed)})


def test_a_signed_alteration_is_let_through_without_its_token(server: Server) -> None:
    job = change()
    assert server.run("MODIFYJOB", job, "alice", job_o=proven_job()).rejected is None
    assert {name: str(value) for name, value in job.Resource_List.values.items()} == {
        "select": "1:ncpus=4", "walltime": "01:00:00"}


def test_what_takes_a_value_away_is_not_signed(server: Server) -> None:
    job = change(resources={"ncpus": ""})
    assert server.run("MODIFYJOB", job, "alice", job_o=proven_job()).rejected is None


REFUSED = [
    (lambda: change(SIGNED.replace("6.pbs", "7.pbs")), {}, "for another alteration"),
    (lambda: change(SIGNED.replace("walltime=01", "walltime=02")), {}, "for another alteration"),
    (lambda: change(resources={"ncpus": "8"}), {}, "for another alteration"),
    # A submission's token, of the same select.
    (lambda: change("1:ncpus=4"), {}, "for another alteration"),
    (lambda: change(key=bytes(32)), {}, "not signed with this server's key"),
    (lambda: change(), dict(requestor="mallory"), "not for mallory@pbsserver"),
    (lambda: change(), dict(host="evilhost"), "not for alice@evilhost"),
    (lambda: change(uid="00000000-0000-0000-0000-000000000000"), {}, "for another pod's job"),
    (lambda: change(namespace="other"), {}, "for another pod's job"),
    (lambda: change(cluster="other"), {}, "for another pod's job"),
]


@pytest.mark.parametrize("make, who, words", REFUSED)
def test_what_is_signed_for_something_else_is_refused(server: Server, make: Any, who: Dict[str, str], words: str) -> None:
    outcome = server.run("MODIFYJOB", make(), **dict({"requestor": "alice"}, **who), job_o=proven_job())  # type: ignore[arg-type]
    assert words in str(outcome.rejected)


def test_another_variable_is_an_alteration_too(server: Server) -> None:
    job = change()
    job.Variable_List = dict(VARIABLES, PATH="/x")
    assert "for another alteration" in str(server.run("MODIFYJOB", job, "alice", job_o=proven_job()).rejected)


def test_where_proof_counts_the_brokers_name_is_none(server: Server) -> None:
    """But for a move, which has no place for a token."""
    job = Job("6.pbsserver", {"Job_Name": "x"})
    assert "is a pod's" in str(server.run("MODIFYJOB", job, "pbs-broker", job_o=proven_job("pbs-broker")).rejected)
    assert server.run("MOVEJOB", proven_job("pbs-broker"), "pbs-broker").rejected is None
    assert "is a pod's" in str(server.run("MOVEJOB", proven_job(), "alice").rejected)


def test_a_token_makes_no_pods_job_of_another(server: Server) -> None:
    job = change()
    assert "counts at submission only" in str(server.run("MODIFYJOB", job, "alice", job_o=native_job("6.pbsserver")).rejected)


def test_while_the_owner_counts_a_token_that_is_brought_must_verify(server: Server, tmp_path: Path) -> None:
    server.configure(proof="owner", key_file=str(tmp_path / "keys"))
    before = pods_job("6.pbsserver", Variable_List=VARIABLES)
    who = dict(user="pbs-broker@pbsserver")
    assert server.run("MODIFYJOB", change(**who), "pbs-broker", job_o=before).rejected is None  # type: ignore[arg-type]
    refused = server.run("MODIFYJOB", change(key=bytes(32), **who), "pbs-broker", job_o=before)  # type: ignore[arg-type]
    assert "not accepted" in str(refused.rejected)
