"""What is done at each event."""
import traceback
from typing import Any, Dict

import pbs

from .changes import guard_change, prove_alteration
from .forgeries import refuse_control_characters, refuse_forgeries
from .hints import hint
from .jobs import POD_RESOURCE, TOKEN_RESOURCE, is_pods_job, pod_uid, resource
from .refusal import Refusal
from .submissions import guard_submission
from .text import one_line


def job_is_queued(event: Any, settings: Dict[str, Any]) -> None:
    """queuejob: there is no job yet, and no id to send."""
    try:
        guard_submission(event, settings)
    except Refusal:
        raise
    except Exception:
        # Whoever finds a way to make this fail must not get a pod's job by it.
        if pod_uid(event.job) is not None or resource(event.job, TOKEN_RESOURCE) is not None:
            pbs.logmsg(pbs.LOG_ERROR, "pbs_kubernetes_server: %s" % one_line(traceback.format_exc()))
            raise Refusal("the submission of a pod's job cannot be checked; the server's log says more")
        raise


def job_was_queued(event: Any, settings: Dict[str, Any]) -> None:
    """postqueuejob: the first event that has the job's id."""
    hint(event.job, "postqueuejob", settings)


def job_is_modified(event: Any, settings: Dict[str, Any]) -> None:
    """modifyjob: `job` holds what is to be set, `job_o` the job as it is."""
    refused = [POD_RESOURCE]
    if resource(event.job, TOKEN_RESOURCE) is not None and is_pods_job(event.job_o, settings):
        # PBS shows what has been taken away as an empty text.
        prove_alteration(event, settings)
        refuse_control_characters(event.job)
    else:
        guard_change(event, event.job_o, settings)
        refused.append(TOKEN_RESOURCE)
    refuse_forgeries(event.job)
    for name in refused:
        if resource(event.job, name) is not None:
            raise Refusal("%s counts at submission only" % name)
    uid = pod_uid(event.job)
    if uid is not None and uid != pod_uid(event.job_o):
        raise Refusal("KUBERNETES_POD_UID counts at submission only")
    hint(event.job_o, "modifyjob", settings)


def job_is_moved(event: Any, settings: Dict[str, Any]) -> None:
    """movejob, to another queue or server."""
    guard_change(event, event.job, settings)
    hint(event.job, "movejob", settings)


def job_is_run(event: Any, settings: Dict[str, Any]) -> None:
    """runjob: the server is about to send the job to its host."""
    hint(event.job, "runjob", settings)


def job_has_ended(event: Any, settings: Dict[str, Any]) -> None:
    """jobobit: the job has ended, was deleted or is going to be run again."""
    hint(event.job, "jobobit", settings)


# By name, since not every release of PBS has all of them.
HANDLERS: Dict[str, Any] = {
    "QUEUEJOB": job_is_queued,
    "POSTQUEUEJOB": job_was_queued,
    "MODIFYJOB": job_is_modified,
    "MOVEJOB": job_is_moved,
    "RUNJOB": job_is_run,
    "JOBOBIT": job_has_ended,
}
