"""Users of PBS whom this host does not know at the moment, and those whom it knows later: a directory service that
is away, or slow."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from integration.connector import REPOSITORY
from integration.test_namespace_users import ALICE, BOB, MAPPED, UsersSite, pytestmark as needs_root, users  # noqa: F401

pytestmark = needs_root


class DirectoryService:
    """What the broker's host says of users. The processes that become them ask the host itself."""

    def __init__(self, site: UsersSite) -> None:
        self.folder = site.folder / "users"
        self.folder.mkdir()
        library = site.folder / "users.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, REPOSITORY / "Tests" / "fakes" / "users.c", "-ldl"], check=True)
        site.connector.wrappers["pbs-broker"] = ["env", f"LD_PRELOAD={library}", f"FAKE_USERS={self.folder}"]

    def says(self, user: str, words: str) -> None:
        new = self.folder / "new"
        new.write_text(words)
        new.rename(self.folder / user)

    def knows(self, user: str) -> None:
        (self.folder / user).unlink()


def wait_words(site: UsersSite, name: str, words: str, namespace: str = "physics") -> None:
    def is_told(_: Any) -> bool:
        pod = site.kubernetes.pod(namespace, name) or {}
        return any(words in condition.get("message", "") for condition in (pod.get("status") or {}).get("conditions") or [])

    site.site.wait(is_told, 60)


def test_a_user_who_comes_into_being_later_is_served(users: UsersSite) -> None:  # noqa: F811
    service = DirectoryService(users)
    service.says(ALICE, "hidden")
    users.start()
    users.broker.wait_for_log(f"whose pods are refused: physics (user {ALICE}), since there is no such user on this host")
    uid = users.create("later", "physics")
    wait_words(users, "later", "which pbs-broker cannot be: there is no such user on this host")
    service.knows(ALICE)
    users.broker.wait_for_log(f"submits as PBS users {ALICE}, {BOB}", 60)
    users.bound("later", "physics")
    assert users.owners() == {uid: ALICE}


@pytest.mark.parametrize(("state", "words"), [
    ("away", "this host does not say who that is: Connection refused"),
    ("hangs", "this host does not say who that is: no answer within 10 s"),
])
def test_while_a_directory_service_is_away_pods_wait_and_others_are_served(
        users: UsersSite, state: str, words: str) -> None:  # noqa: F811
    service = DirectoryService(users)
    service.says(ALICE, state)
    users.start()
    users.broker.wait_for_log(f"cannot serve namespaces now, whose pods wait: physics (user {ALICE}), since this host ")
    uid = users.create("waits", "physics")
    served = users.create("served", "chem-a")
    users.bound("served", "chem-a")
    wait_words(users, "waits", words)
    assert users.owners() == {served: BOB}
    service.knows(ALICE)
    users.pbs.wait(lambda _: uid in users.owners(), 240, "the job")
    assert users.owners() == {uid: ALICE, served: BOB}


def test_who_was_known_is_served_while_the_directory_service_is_away(users: UsersSite) -> None:  # noqa: F811
    service = DirectoryService(users)
    users.start()
    first = users.create("first", "physics")
    users.bound("first", "physics")
    service.says(ALICE, "hangs")
    second = users.create("second", "physics")
    users.bound("second", "physics")
    users.kubernetes.delete_pod("physics", "first")
    users.pbs.wait(lambda _: set(users.owners()) == {second}, 60, "the end of the first job")
    assert users.owners() == {second: ALICE} and first != second
    assert users.calls("qdel") == [ALICE]


def test_a_job_that_waits_becomes_that_of_its_namespaces_new_user(users: UsersSite) -> None:  # noqa: F811
    users.start()
    runs = users.create("runs", "physics")
    users.bound("runs", "physics")
    users.pbs.set_scheduling(False)
    waits = users.create("waits", "physics")
    users.pbs.wait(lambda _: waits in users.owners(), 60, "the job")
    assert users.owners() == {runs: ALICE, waits: ALICE}
    users.configure(MAPPED.replace(ALICE, BOB))
    users.broker.signal(signal.SIGHUP)
    users.broker.wait_for_log("changed are namespaces")
    users.pbs.wait(lambda _: users.owners().get(waits) == BOB, 60, "the job of the new user")
    assert users.owners() == {runs: ALICE, waits: BOB} and len(users.pbs.jobs) == 3
    # As he owns it now, nothing is left to do.
    users.pbs.set_scheduling(True)
    users.bound("waits", "physics")
    assert len(users.pbs.jobs) == 3
