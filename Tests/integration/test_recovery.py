"""Any process, the API or PBS may go away at any moment; nothing is lost, doubled or left behind."""

from __future__ import annotations

import signal

import pytest

from integration.connector import PROGRAMS
from integration.site import Site
from simulators.kubernetes import Fault as KubernetesFault
from simulators.kubernetes import Gone, LoseAnswer, Reset, SilenceWatch, Status, TooManyRequests


def uid(pod: dict) -> str:
    return pod["metadata"]["uid"]


def one_job_each(site: Site, names: list[str]) -> None:
    """Every pod is bound to its only job's host."""
    for name in names:
        pod = site.wait_bound(name, timeout=30)
        (job,) = site.jobs_of(uid(pod))
        assert site.job_id_of(name) == job.id
        assert pod["spec"]["nodeName"] == job.hosts[0]


@pytest.mark.parametrize("victim", PROGRAMS)
def test_a_killed_process_goes_on_where_it_was(site: Site, victim: str) -> None:
    site.connector.start()
    before = [site.create(f"before-{index}") and f"before-{index}" for index in range(3)]
    one_job_each(site, before)
    site.connector[victim].kill()
    during = [site.create(f"during-{index}") and f"during-{index}" for index in range(3)]
    site.connector.start_process(victim)
    one_job_each(site, before + during)
    assert not [entry for entry in site.kubernetes.record if entry.kind == "deleting"]


@pytest.mark.parametrize("order", [("binder", "pbs-broker", "kube-watcher"), ("pbs-broker", "binder", "kube-watcher")])
def test_the_processes_start_in_any_order(site: Site, order: tuple[str, ...]) -> None:
    site.create("first")
    for program in order:
        site.connector.start_process(program)
    one_job_each(site, ["first"])


def test_a_broker_killed_as_qsub_returns_submits_no_second_job(site: Site) -> None:
    site.pbs.faults.lose_answer("qsub", count=1)
    site.connector.start()
    pod = site.create("once")
    site.pbs.wait(lambda _: site.jobs_of(uid(pod)), 10)
    site.connector.restart("pbs-broker")
    one_job_each(site, ["once"])
    assert len([job for job in site.pbs.jobs.values() if job.pod_uid == uid(pod)]) == 1


def test_a_lost_answer_of_qsub_leads_to_no_second_job(site: Site) -> None:
    site.connector.start()
    site.pbs.faults.lose_answer("qsub", count=1)
    pod = site.create("once")
    one_job_each(site, ["once"])
    assert len([job for job in site.pbs.jobs.values() if job.pod_uid == uid(pod)]) == 1


def test_two_jobs_of_one_pod_become_one(site: Site) -> None:
    site.connector.start()
    pod = site.create("single")
    site.wait_bound("single")
    (job,) = site.jobs_of(uid(pod))
    variables = {name: job.variable(name) for name in ("KUBERNETES_POD_UID", "KUBERNETES_POD_NAME", "KUBERNETES_POD_NAMESPACE")}
    second = site.pbs.submit("single", variables=variables)
    site.pbs.wait(lambda _: not site.pbs.job(second.id).live, 10)
    assert site.jobs_of(uid(pod)) == [job]
    assert site.job_id_of("single") == job.id


@pytest.mark.parametrize("second_runs", [True, False], ids=["the running one", "the older one"])
def test_of_two_jobs_of_a_waiting_pod_one_stays(site: Site, second_runs: bool) -> None:
    site.pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("single")
    (first,) = site.wait_jobs(uid(pod), 1)
    site.connector["pbs-broker"].kill()
    variables = {name: first.variable(name) for name in ("KUBERNETES_POD_UID", "KUBERNETES_POD_NAME", "KUBERNETES_POD_NAMESPACE")}
    if second_runs:
        site.pbs.hold(first.id, "o")
        site.pbs.set_scheduling(True)
    second = site.pbs.submit("single", variables=variables, user=site.pbs.submitter)
    if second_runs:
        site.pbs.wait_for_state(second.id, "R")
    site.connector.start_process("pbs-broker")
    kept, other = (second, first) if second_runs else (first, second)
    site.pbs.wait(lambda _: not site.pbs.job(other.id).live, 10)
    site.pbs.set_scheduling(True)
    site.wait_bound("single")
    assert site.jobs_of(uid(pod)) == [kept]
    assert site.job_id_of("single") == kept.id


def test_a_job_without_a_pod_is_deleted_after_a_while(site: Site) -> None:
    orphan = site.pbs.submit("lost", variables=site.job_variables("11111111-0000-0000-0000-000000000000", "lost"))
    native = site.pbs.submit("native")
    site.connector.start()
    site.pbs.wait(lambda _: not site.pbs.job(orphan.id).live, 15)
    assert site.pbs.job(native.id).live


def test_no_job_is_an_orphan_while_the_watcher_is_away(site: Site) -> None:
    site.connector.start()
    pod = site.create("kept")
    site.wait_bound("kept")
    site.connector["kube-watcher"].kill()
    site.connector.restart("pbs-broker")
    # Many looks later, each of which would be reason enough:
    site.connector["pbs-broker"].wait_for_log("cannot connect to")
    looks = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 20, 30)
    assert len(site.jobs_of(uid(pod))) == 1


def test_pbs_away_ends_nothing(site: Site) -> None:
    site.connector.start()
    for name in ("one", "two"):
        site.create(name)
    one_job_each(site, ["one", "two"])
    site.pbs.stop()
    site.connector["pbs-broker"].wait_for_log("PBS does not answer")
    queued = site.create("three")
    site.pbs.start()
    one_job_each(site, ["one", "two", "three"])
    assert len([job for job in site.pbs.jobs.values() if job.pod_uid == uid(queued)]) == 1
    assert not [entry for entry in site.kubernetes.record if entry.kind == "deleting"]


def test_an_empty_listing_ends_nothing(site: Site) -> None:
    site.connector.start()
    site.create("kept")
    site.wait_bound("kept")
    site.pbs.empty_listing(6)
    looks = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 6, 60)
    assert not [entry for entry in site.kubernetes.record if entry.kind == "deleting"]
    assert len(site.live_jobs()) == 1


def waiting_with_a_job(site: Site, name: str) -> dict:
    """A pod whose job stays in the queue."""
    site.pbs.set_scheduling(False)
    pod = site.create(name)
    site.wait_jobs(uid(pod), 1)
    return pod


def jobs_ever(site: Site, pod: dict) -> int:
    return len([job for job in site.pbs.jobs.values() if job.pod_uid == uid(pod)])


def test_a_broker_that_starts_believes_no_listing_that_leaves_out_a_job(site: Site) -> None:
    site.connector.start()
    site.create("bound")
    site.wait_bound("bound")
    pod = waiting_with_a_job(site, "waits")
    site.connector["pbs-broker"].kill()
    # Three listings are empty; the bound pod's job is known to qstat all the same.
    site.pbs.faults.silent("listing", count=3)
    broker = site.connector.start_process("pbs-broker")
    broker.wait_for_log("PBS did not list job", timeout=20)
    broker.wait_for_log("PBS answers again", timeout=30)
    site.pbs.set_scheduling(True)
    one_job_each(site, ["waits"])
    assert jobs_ever(site, pod) == 1


def test_a_broker_that_starts_does_not_believe_one_empty_listing(site: Site) -> None:
    site.connector.start()
    pod = waiting_with_a_job(site, "waits")
    site.connector["pbs-broker"].kill()
    # Away for as long as submissions have to wait for a look, then a look that shows nothing.
    site.pbs.faults.fail("listing", 15010 & 255, "qstat: cannot connect to server pbsserver (errno=15010)", count=2)
    site.pbs.empty_listing()
    looks = site.pbs.served["listing"]
    site.connector.start_process("pbs-broker")
    site.pbs.wait(lambda pbs: pbs.served["listing"] >= looks + 3, 30)
    site.pbs.set_scheduling(True)
    one_job_each(site, ["waits"])
    assert jobs_ever(site, pod) == 1


@pytest.mark.parametrize("fault", ["cut", "garbage", "silent"])
def test_a_garbled_answer_of_qstat_ends_nothing(site: Site, fault: str) -> None:
    site.connector.start()
    site.create("kept")
    site.wait_bound("kept")
    getattr(site.pbs.faults, fault)("qstat", count=5)
    getattr(site.pbs.faults, fault)("listing", count=5)
    looks = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 6, 40)
    assert not [entry for entry in site.kubernetes.record if entry.kind == "deleting"]
    assert len(site.live_jobs()) == 1


@pytest.mark.simulated_pbs("a real server does not forget many jobs in one moment")
def test_many_jobs_that_vanish_at_once_end_nothing_until_looks_agree(bare_site: Site) -> None:
    site = bare_site
    site.connector.configuration += "  vanish-interval: 3\n"
    site.connector.configuration = site.connector.configuration.replace("  vanish-interval: 0.5\n", "")
    site.connector.__post_init__()
    site.connector.start()
    names = [f"pod-{index}" for index in range(12)]
    for name in names:
        site.create(name)
    one_job_each(site, names)
    site.pbs.forget_all()
    site.connector["pbs-broker"].wait_for_log("running jobs have vanished from PBS at once")
    looks = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 10, 30)
    assert not [entry for entry in site.kubernetes.record if entry.kind == "deleting"]
    # Two further looks, three seconds apart, agree:
    site.kubernetes.wait(lambda k: len({entry.name for entry in k.record if entry.kind == "deleting"}) == 12, 30)


@pytest.mark.simulated_pbs("a real server does not forget many jobs in one moment")
def test_suspended_jobs_that_vanish_at_once_end_nothing_either(bare_site: Site) -> None:
    site = bare_site
    site.connector.configuration = site.connector.configuration.replace("vanish-interval: 0.5", "vanish-interval: 3")
    site.connector.__post_init__()
    site.connector.start()
    names = [f"pod-{index}" for index in range(12)]
    for name in names:
        site.create(name)
    one_job_each(site, names)
    suspended = site.job_id_of("pod-0")
    assert suspended is not None
    site.pbs.suspend(suspended)
    site.wait_event("pod-0", "JobSuspended")
    site.pbs.forget_all()
    site.connector["pbs-broker"].wait_for_log("12 of 12 running jobs have vanished from PBS at once")
    looks = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 10, 30)
    assert not [entry for entry in site.kubernetes.record if entry.kind == "deleting"]


@pytest.mark.simulated_pbs("a real server does not forget many jobs in one moment")
def test_no_pod_is_bound_by_a_job_that_vanished_with_many(bare_site: Site) -> None:
    site = bare_site
    site.connector.configuration = site.connector.configuration.replace("vanish-interval: 0.5", "vanish-interval: 3")
    site.connector.__post_init__()
    site.connector.start("kube-watcher", "pbs-broker")
    names = [f"pod-{index}" for index in range(12)]
    for name in names:
        site.create(name)
    broker = site.connector["pbs-broker"]
    site.pbs.wait(lambda pbs: sum(job.substate == 42 for job in pbs.jobs.values()) == 12)
    lost = set(site.pbs.jobs)
    for job in lost:
        broker.wait_for_log(f"job {job} runs on")
    site.pbs.forget_all(restart_sequence=False)
    broker.wait_for_log("12 of 12 running jobs have vanished from PBS at once")
    site.connector.start("binder")
    one_job_each(site, names)
    bindings = [entry.annotations["pbs-connector/job-id"] for entry in site.kubernetes.record if entry.kind == "bound"]
    assert len(bindings) == 12 and not lost & set(bindings)


@pytest.mark.simulated_pbs("a real server gives no number again")
@pytest.mark.parametrize(("running", "restart"), [(False, False), (False, True), (True, True)])
def test_a_number_that_pbs_gives_again_is_another_job(bare_site: Site, running: bool, restart: bool) -> None:
    """A PBS with a new database counts anew: job 1 is no longer the one of the first pod."""
    site = bare_site
    site.connector.start()
    site.create("first")
    site.wait_bound("first")
    first = site.job_id_of("first")
    site.pbs.set_scheduling(running)
    site.connector["kube-watcher"].signal(signal.SIGSTOP)
    second = site.create("second")
    with site.pbs.lock:
        site.pbs.forget_all()
        again = site.pbs.submit("second", variables={"KUBERNETES_POD_UID": uid(second), "KUBERNETES_POD_NAME": "second",
                                                     "KUBERNETES_POD_NAMESPACE": "default"})
    assert again.id == first
    site.connector["kube-watcher"].signal(signal.SIGCONT)
    if restart:
        site.connector.restart("pbs-broker")
    site.kubernetes.wait(lambda _: "deletionTimestamp" in site.pod("first")["metadata"], 15)
    site.pbs.set_scheduling(True)
    one_job_each(site, ["second"])


@pytest.mark.simulated_pbs("a real server gives no number again")
def test_a_number_given_again_to_a_job_whose_qsub_was_garbled_is_found(bare_site: Site) -> None:
    site = bare_site
    site.connector.configuration = site.connector.configuration.replace("vanish-interval: 0.5", "vanish-interval: 3")
    site.connector.__post_init__()
    site.connector.start()
    names = [f"pod-{index}" for index in range(12)]
    for name in names:
        site.create(name)
    one_job_each(site, names)
    with site.pbs.lock:
        site.pbs.forget_all()
        site.pbs.faults.garbage("qsub", count=1)
    # Job 1 again, which the broker knows as one of the others'.
    late = site.create("late")
    one_job_each(site, ["late"])
    assert [entry.job_id for entry in site.pbs.record if entry.kind == "queued" and entry.pod_uid == uid(late)] == ["1.pbsserver"]


@pytest.mark.simulated_pbs("a real server answers")
def test_commands_that_hang_are_given_up_and_tried_again(site: Site) -> None:
    site.connector.configuration += "  command-timeout: 0.5\n"
    site.connector.__post_init__()
    for command in ("qsub", "listing", "qstat", "qdel"):
        site.pbs.faults.hang(command, count=1)
    site.connector.start()
    pod = site.create("one")
    one_job_each(site, ["one"])
    site.kubernetes.delete_pod("default", "one")
    site.wait_jobs(uid(pod), 0, timeout=30)
    assert len([job for job in site.pbs.jobs.values() if job.pod_uid == uid(pod)]) == 1
    assert {command for command, _ in site.pbs.faults.struck} == {"qsub", "listing", "qstat", "qdel"}


def test_few_jobs_that_vanish_end_at_once(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    site.create("gone")
    site.wait_bound("gone")
    site.pbs.forget_all()
    site.wait(lambda _: "deletionTimestamp" in site.pod("gone")["metadata"])


def test_the_api_away_ends_nothing(site: Site) -> None:
    site.connector.start()
    site.create("one")
    one_job_each(site, ["one"])
    site.kubernetes.stop()
    site.connector["kube-watcher"].wait_for_log("trying again in")
    site.kubernetes.start()
    site.create("two")
    one_job_each(site, ["one", "two"])
    assert not [entry for entry in site.kubernetes.record if entry.kind == "deleting"]


def test_a_real_api_server_that_restarts_ends_nothing(real_api_site: Site) -> None:
    site = real_api_site
    site.connector.start()
    site.create("one")
    site.wait_bound("one")
    site.kubernetes.restart_api_server()
    site.create("two")
    site.wait_bound("two", timeout=60)
    assert len(site.live_jobs()) == 2


def test_a_history_that_is_gone_again_and_again_is_listed_each_time(site: Site) -> None:
    """The watch's end and our breaking it off come together; that must not hit the listing that follows."""
    site.connector.start()
    site.connector["pbs-broker"].wait_for_log("kube-watcher has told all")
    gone = site.kubernetes.faults.add(KubernetesFault("watch=", Gone(), count=20))
    site.kubernetes.close_watches()
    site.kubernetes.wait(lambda _: gone.hits == 20, 60)
    site.create("after")
    one_job_each(site, ["after"])


def test_a_history_that_is_gone_means_to_list_again(site: Site) -> None:
    site.connector.start()
    site.create("one")
    site.wait_bound("one")
    site.kubernetes.faults.add(KubernetesFault(r"GET .*watch=true", Status(500), count=3))
    site.kubernetes.close_watches()
    site.create("two")
    site.kubernetes.compact()
    one_job_each(site, ["one", "two"])


def test_a_watch_that_goes_silent_is_noticed(site: Site) -> None:
    site.connector.configuration += "kube-watcher:\n  watch-silence: 5\n"
    site.connector.__post_init__()
    site.connector.start()
    site.create("one")
    site.wait_bound("one")
    site.kubernetes.silence_watches("pods")
    site.create("two")
    one_job_each(site, ["two"])
    site.connector["kube-watcher"].wait_for_log("nothing heard for a while")


@pytest.mark.parametrize("action", [Status(500), TooManyRequests(1), Reset(), LoseAnswer()])
def test_bindings_survive_what_servers_do(site: Site, action: object) -> None:
    site.kubernetes.faults.add(KubernetesFault(r"POST .*/binding", action, count=2))
    site.connector.start()
    names = [f"pod-{index}" for index in range(3)]
    for name in names:
        site.create(name)
    one_job_each(site, names)
    bound = [entry.name for entry in site.kubernetes.record if entry.kind == "bound"]
    assert sorted(bound) == names


def test_a_pod_that_another_scheduler_bound_elsewhere_releases_its_job(site: Site) -> None:
    site.pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("stolen")
    site.wait_jobs(uid(pod), 1)
    site.kubernetes.bind("default", "stolen", site.nodes[1])
    site.wait_jobs(uid(pod), 0)
    assert site.node_of("stolen") == site.nodes[1]
