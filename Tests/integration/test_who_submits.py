"""The broker's user of Linux is its user of PBS: what it asks after (qselect -u) are the jobs that it submits."""

from __future__ import annotations

import pwd
from pathlib import Path

from integration.site import Site
from real.pbs import lab_program


def test_jobs_are_those_of_the_brokers_user(site: Site) -> None:
    """In a lab that is not root, of whose processes MoM takes no notice."""
    site.connector.start()
    pod = site.create("one")
    site.wait_bound("one")
    broker = Path(f"/proc/{site.connector['pbs-broker'].pid}").stat().st_uid
    assert broker == pwd.getpwnam(site.pbs.submitter).pw_uid
    (job,) = site.jobs_of(pod["metadata"]["uid"])
    assert job.owner.partition("@")[0] == site.pbs.submitter
    if lab_program() is not None and site.patience > 1:
        assert broker != 0
