"""An answer of qsub that is cut off may look like a job's id. Found by the chaos test."""

from __future__ import annotations

from integration.site import Site


def test_a_cut_answer_of_qsub_leads_to_one_job_each(site: Site) -> None:
    site.connector.start()
    names = [f"pod-{index}" for index in range(16)]
    site.pbs.faults.cut("qsub", count=len(names))
    uids = {name: site.create(name)["metadata"]["uid"] for name in names}
    for name, uid in uids.items():
        site.wait_bound(name, timeout=30)
        (job,) = site.jobs_of(uid)
        assert site.job_id_of(name) == job.id
