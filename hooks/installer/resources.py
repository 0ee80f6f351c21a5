"""The resources of PBS that proof of submission and the hosts' reports need."""
import sys
from typing import Dict, List

from .qmgr import run
from .refusal import Refused


# Flags: r, users cannot set it; m, execution hosts receive it.
# k8s_host is what hosts say of themselves (reports.py); h, it is a vnode's.
RESOURCES = {"k8s_pod": {"type": "string", "flag": "rm"}, "k8s_token": {"type": "string"},
             "k8s_host": {"type": "string", "flag": "rh"}}


def creating_resources(present: Dict[str, Dict[str, str]]) -> List[str]:
    """The directives that create the resources which are not there; Refused where one is there
    and differs, since PBS would let users set it, or keep it from the hosts."""
    directives = []
    for name, attributes in RESOURCES.items():
        if name not in present:
            directives.append("create resource %s %s" % (name, ",".join("%s=%s" % pair for pair in attributes.items())))
            continue
        for attribute, value in attributes.items():
            found = present[name].get(attribute, "")
            if set(found) != set(value):
                raise Refused("resource %s is there and has %s = %s instead of %s: is it another program's?"
                              % (name, attribute, found or "nothing", value))
    return directives


def remove_resources(qmgr: str, present: Dict[str, Dict[str, str]]) -> None:
    """Delete the resources, as far as PBS lets them go.

    Only before the server has run a hook for a job that had them: OpenPBS 23.06.06 keeps the last such
    job's resources (attribute_jobmap_init in hook_func.c), and when the next hook for a job runs, it
    uses the deleted definition and crashes, whether the resource has been created again or not.
    """
    for name in RESOURCES:
        if name in present:
            try:
                run(qmgr, "delete resource " + name)
            except Refused as refused:
                print("left: resource %s. PBS keeps a resource while jobs have it, those in its history included "
                      "(job_history_duration). Call --remove-resources again later. PBS says: %s" % (name, refused), file=sys.stderr)
