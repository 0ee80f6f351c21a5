"""Users of PBS who do harm to the processes that act as them on pbs-broker's host: nobody else is held up."""

from __future__ import annotations

import os
import pwd
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest

from hooks.timing import awaited
from integration.test_namespace_users import ALICE, BOB, MAPPED, RIGHTS, UsersSite, users  # noqa: F401

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can start a broker that may become others")

# Seconds after which a process that does not answer is given up.
TIMEOUT = 2
OTHERS, HERS, GONE = 6, 4, 2


class Stopper:
    """ALICE, who stops each process of hers below the broker as soon as she sees it."""

    def __init__(self, site: UsersSite) -> None:
        self.site, self.uid = site, pwd.getpwnam(ALICE).pw_uid
        self.stopped: set[int] = set()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self) -> None:
        while not self.ended.wait(0.001):
            self.strike(signal.SIGSTOP)

    def strike(self, number: signal.Signals) -> None:
        for pid in self.processes():
            try:
                os.kill(pid, number)
                self.stopped.add(pid)
            except ProcessLookupError:
                continue

    def processes(self) -> list[int]:
        """Hers below the broker; not by commands, which would be slower than what is to be stopped."""
        found: list[int] = []
        for pid in Path(f"/proc/{self.site.broker.pid}/task/{self.site.broker.pid}/children").read_text().split():
            try:
                if Path(f"/proc/{pid}").stat().st_uid == self.uid or f"Uid:\t{self.uid}\t" in Path(f"/proc/{pid}/status").read_text():
                    found.append(int(pid))
            except OSError:
                continue
        return found

    def living(self) -> list[int]:
        """Those of the stopped ones that are there still."""
        return [pid for pid in self.stopped if Path(f"/proc/{pid}/stat").exists()
                and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"]


@contextmanager
def stopping(site: UsersSite) -> Iterator[Stopper]:
    stopper = Stopper(site)
    stopper.thread.start()
    try:
        yield stopper
    finally:
        stopper.ended.set()
        stopper.thread.join()
        for pid in stopper.living():
            os.kill(pid, signal.SIGCONT)


def say(site: UsersSite, name: str, words: str) -> bool:
    """Whether the pod of ALICE's namespace says so."""
    pod = site.kubernetes.pod("physics", name) or {}
    return any(words in condition.get("message", "") for condition in pod["status"].get("conditions") or [])


def test_a_user_who_stops_his_processes_stops_nobody_else(users: UsersSite) -> None:  # noqa: F811
    users.configure(MAPPED + f"  command-timeout: {TIMEOUT}\n  submissions-in-flight: 2\n")
    users.start()
    gone = [users.create(f"gone-{number}", "chem-a") for number in range(GONE)]
    for number in range(GONE):
        users.bound(f"gone-{number}", "chem-a")
    with stopping(users):
        for number in range(HERS):
            users.create(f"hers-{number}", "physics")
        awaited(lambda: f"requests as PBS user {ALICE} rest: " in users.broker.log(), 30)
        for number in range(OTHERS):
            users.create(f"other-{number}", ("chem-b", "default")[number % 2])
        for number in range(GONE):
            users.kubernetes.delete_pod("chem-a", f"gone-{number}")
        for number in range(OTHERS):
            users.bound(f"other-{number}", ("chem-b", "default")[number % 2])
        users.pbs.wait(lambda _: not set(gone) & set(users.owners()), 30, "the ends of the others' jobs")
        awaited(lambda: any(say(users, f"hers-{number}", f"PBS answers nothing as user {ALICE}: ") for number in range(HERS)), 30)
        log = users.broker.log()
        ends = log.count(f"as PBS user {ALICE} work again")
        assert log.count(f"as PBS user {ALICE} rest: ") <= ends + 1
        assert "PBS takes no jobs" not in log and f"as PBS user {BOB} rest" not in log
    for number in range(HERS):
        users.bound(f"hers-{number}", "physics")


# PBS's commands need CAP_KILL.
@pytest.mark.parametrize("users", ["libpbs"], indirect=True)
def test_stopped_helpers_that_cannot_be_killed_do_not_pile_up(users: UsersSite) -> None:  # noqa: F811
    users.configure(MAPPED + f"  command-timeout: {TIMEOUT}\n")
    users.start(RIGHTS["libpbs"])
    users.create("warm", "physics")
    users.bound("warm", "physics")
    with stopping(users) as stopper:
        awaited(lambda: stopper.stopped, 30)
        for number in range(HERS):
            users.create(f"hers-{number}", "physics")
        words = f"libpbs's helper for {ALICE} of before does not end: it is stopped, and cannot be killed"
        awaited(lambda: all(say(users, f"hers-{number}", words) for number in range(HERS)), 60)
        assert len(stopper.stopped) == 1
    # It ends as soon as it can, and she has another.
    for number in range(HERS):
        users.bound(f"hers-{number}", "physics")


def test_jobs_that_the_server_does_not_vouch_for_are_their_users_trouble(users: UsersSite) -> None:  # noqa: F811
    """Such as those of a user who has found a way around the hook."""
    users.start()
    users.create("warm", "physics")
    users.bound("warm", "physics")
    verify = users.hook._queuejob
    users.pbs.hook_submissions(lambda submission: None if submission.user == ALICE else verify(submission))
    for number in range(HERS):
        users.create(f"hers-{number}", "physics")
    awaited(lambda: f"submissions as PBS user {ALICE} rest: job " in users.broker.log(), 30)
    for number in range(OTHERS):
        users.create(f"other-{number}", "chem-a")
    for number in range(OTHERS):
        users.bound(f"other-{number}", "chem-a")
    # Each of hers is deleted, and one is tried now and then.
    users.pbs.wait(lambda _: list(users.owners().values()).count(ALICE) == 1, 30, "the end of what has no proof")
    assert users.calls("qsub").count(ALICE) <= 1 + HERS + 3
    users.pbs.hook_submissions(verify)
    for number in range(HERS):
        users.bound(f"hers-{number}", "physics")
