"""Static pods: the files in the manifest directory."""
import collections
import glob
import json
import os
import re
from typing import Any, Dict, NamedTuple

import pbs

from .amounts import Amounts, Held, format_amount, parse_quantity
from .jobs import JOB_ID
from .settings import Settings
from .text import LONGEST_FILE, printable, read_file


# These differ from what pods of the connector carry, or it would take a reservation for a pod of its own.
JOB_ID_ANNOTATION = "pbs-connector/native-job-id"
HOLDS_ANNOTATION = "pbs-connector/native-job-holds"
JOB_LABEL = "pbs-connector/native-job"

# No scheduler answers to it: static pods are bound from the start.
SCHEDULER_NAME = "pbs-native-job"


class Reservation(NamedTuple):
    """A static pod manifest of this hook, as read from the manifest directory."""
    path: str
    holds: Held
    requests: Amounts


def pod_name(job_id: str) -> str:
    """A name for a job's static pod: a DNS label, of at most 63 characters as it is a label
    value too. PBS job ids have dots, and brackets in arrays: "1234[5].server.example.com"."""
    sequence, _, server = job_id.lower().partition(".")
    name = "pbs-" + re.sub(r"[^a-z0-9]+", "-", sequence).strip("-")
    server = re.sub(r"[^a-z0-9]+", "-", server).strip("-")
    return (name + "-" + server)[:63].rstrip("-")


def manifest_path(directory: str, job_id: str) -> str:
    """Where a job's manifest lies. kubelet reads every file whose name does not begin with a dot."""
    return os.path.join(directory, pod_name(job_id) + ".json")


def format_held(holds: Held) -> str:
    """What a job holds, for an annotation: amounts by name, and whether all of the host is its own."""
    return json.dumps(dict(holds.amounts, exclusive=1) if holds.exclusive else holds.amounts)


def parse_held(text: str) -> Held:
    """The reverse of format_held."""
    amounts = json.loads(text)
    exclusive = bool(amounts.pop("exclusive", 0))
    return Held(amounts, exclusive)


def manifest(job_id: str, holds: Held, requests: Amounts, settings: Settings) -> Dict[str, Any]:
    """The static pod that reserves `requests` and does nothing."""
    quantities = collections.OrderedDict((name, format_amount(name, amount)) for name, amount in requests.items())
    resources: Dict[str, Any] = {"requests": quantities}
    # Extended resources need a limit that equals the request (Kubernetes docs, "Extended resources").
    limits = {name: quantity for name, quantity in quantities.items() if "/" in name}
    if limits:
        resources["limits"] = limits
    spec: Dict[str, Any] = {
        "containers": [{
            "name": "reservation",
            "image": settings.image,
            "imagePullPolicy": "IfNotPresent",
            "resources": resources,
        }],
        "schedulerName": SCHEDULER_NAME,
        # No address of the pod network is used up, and none is waited for.
        "hostNetwork": True,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 1,
        # The job stays on a tainted host, so the reservation must.
        "tolerations": [{"operator": "Exists"}],
    }
    if settings.priority_class:
        spec["priorityClassName"] = settings.priority_class
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod_name(job_id),
            "namespace": settings.namespace,
            "labels": dict(settings.labels, **{JOB_LABEL: pod_name(job_id)}),
            "annotations": {JOB_ID_ANNOTATION: job_id, HOLDS_ANNOTATION: format_held(holds)},
        },
        "spec": spec,
    }


def read_reservations(directory: str) -> Dict[str, Reservation]:
    """The manifests of this hook in the directory, by job id. Files of others are passed over."""
    found = {}
    for path in glob.glob(os.path.join(glob.escape(directory), "pbs-*.json")):
        try:
            pod = json.loads(read_file(path, LONGEST_FILE))
            annotations = pod["metadata"]["annotations"]
            requests = pod["spec"]["containers"][0]["resources"]["requests"]
            job_id = annotations[JOB_ID_ANNOTATION]
            # The file is removed with its job, so it has to be that job's very own.
            if not re.fullmatch(JOB_ID, job_id) or path != manifest_path(directory, job_id):
                raise ValueError("it names job %s" % printable(job_id))
            found[job_id] = Reservation(
                path, parse_held(annotations[HOLDS_ANNOTATION]),
                {name: parse_quantity(name, quantity) for name, quantity in requests.items()})
        except FileNotFoundError:
            continue  # its job has ended meanwhile
        except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            pbs.logmsg(pbs.LOG_DEBUG, "pbs_kubernetes: %s is no manifest of this hook: %r" % (path, error))
    return found


def write_manifest(directory: str, pod: Dict[str, Any], job_id: str) -> None:
    """Put a manifest in place by rename, so that kubelet never reads half of it."""
    path = manifest_path(directory, job_id)
    temporary = os.path.join(directory, ".%s.%d" % (pod_name(job_id), os.getpid()))
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(pod, file, indent=1)
            file.write("\n")
            file.flush()
            # A host that crashes now must not come up with an empty file under the final name.
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except OSError:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def remove_manifest(path: str) -> bool:
    """Remove a manifest; False where there was none."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True
