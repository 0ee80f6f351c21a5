"""Values of the configuration that are of the right type and still cannot work."""
import re
from typing import Any, Iterator

# Kubernetes' rules (docs, "Object Names and IDs", "Labels and Selectors").
DNS_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DNS_SUBDOMAIN = r"(?=.{1,253}$)%s(?:\.%s)*" % (DNS_LABEL, DNS_LABEL)
NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
QUALIFIED_NAME = r"(?:%s/)?%s" % (DNS_SUBDOMAIN.replace("$", "/"), NAME)
HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
# PBS's (reference guide, "Names"): a resource, and who submits.
PBS_RESOURCE = r"[A-Za-z][A-Za-z0-9_-]*"
PBS_USER = r"[^@\s/]+(?:@(?:\*|%s))?" % HOST

# What the static pods have already (manifests.py in the host's hook).
OWN_PREFIX = "pbs-connector/"
NATIVE_SCHEDULER = "pbs-native-job"

# Key -> what its text must match, and what that is called.
TEXTS = {
    "namespace": (DNS_LABEL, "name of a namespace"),
    "image": (r"[^\s]+", "name of an image"),
    "priority_class": (r"|" + DNS_SUBDOMAIN, "name of a priority class"),
    "node": (r"|" + DNS_SUBDOMAIN, "name of a node"),
    "kubelet_cgroup_root": (r"/[A-Za-z0-9/._-]*", "path of a cgroup"),
}


def value_errors(key: str, kind: str, value: Any) -> Iterator[str]:
    """What is wrong with a setting's value, which is of its type."""
    if kind in ("file", "directory"):
        # Nothing says from where a hook would look.
        if value and not value.startswith("/"):
            yield "%s is no absolute path" % value
        if not value and key in ("key_file", "hint_socket"):
            yield "it is empty"
    if key in TEXTS and not re.fullmatch(TEXTS[key][0], value):
        yield "%r is no %s" % (value, TEXTS[key][1])
    if key == "users":
        for user in value:
            if not re.fullmatch(PBS_USER, user):
                yield "%r is neither a user nor user@host" % user
    if key == "schedulers":
        for name in value:
            if not re.fullmatch(DNS_SUBDOMAIN, name) or name == NATIVE_SCHEDULER:
                yield "%r cannot be the name of a scheduler" % name
    if key == "labels":
        for name, text in value.items():
            if not re.fullmatch(QUALIFIED_NAME, name) or name.startswith(OWN_PREFIX):
                yield "%r cannot be a label's name" % name
            if not re.fullmatch("|" + NAME, text):
                yield "%r cannot be a label's value" % text
    if key == "resources":
        for name, resource in value.items():
            if not re.fullmatch(PBS_RESOURCE, name) or name in ("ncpus", "mem"):
                yield "%r cannot be mapped: it is no resource of PBS, or one that counts anyway" % name
            if not re.fullmatch(QUALIFIED_NAME, resource):
                yield "%r is no resource of Kubernetes" % resource
    if key == "hosts":
        for host in value:
            if not re.fullmatch(HOST, host):
                yield "%r is no host's name" % host
