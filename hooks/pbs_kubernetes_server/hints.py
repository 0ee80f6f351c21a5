"""Hints for pbs-broker."""
import json
import re
import socket
from typing import Any, Dict

import pbs

from .jobs import is_pods_job

# "5.pbsserver"; a subjob of an array has its index.
JOB_ID = r"[0-9]{1,16}(?:\[[0-9]*\])?\.[A-Za-z0-9.-]{1,255}"


def hint(job: Any, event: str, settings: Dict[str, Any]) -> None:
    """Tell pbs-broker to look at a pod's job now."""
    if is_pods_job(job, settings) and re.fullmatch(JOB_ID, str(job.id)):
        send_hint(settings["hint_socket"], str(job.id), event)


def send_hint(path: str, job_id: str, event: str) -> None:
    """Send one frame (docs/protocol.md) to the broker's hint socket, without waiting for anything.

    A connection to a Unix socket that does not block is there at once or not at all, and a
    frame this small (less than 1 KiB) is taken whole or not at all.
    """
    message = (json.dumps({"type": "hint", "job": job_id, "event": event}) + "\n").encode("utf-8")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            connection.connect(path)
            connection.send(b"%d %s" % (len(message), message))
    except OSError as error:
        pbs.logmsg(pbs.LOG_DEBUG, "pbs_kubernetes_server: no hint of %s %s: %s" % (event, job_id, error))
