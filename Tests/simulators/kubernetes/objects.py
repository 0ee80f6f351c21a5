"""Object metadata: names, generated names, and the order in which the API server writes an object's parts."""

from __future__ import annotations

import random
import re
import uuid
from typing import Any

from .clock import timestamp
from .errors import FieldProblem

Object = dict[str, Any]

METADATA_ORDER = (
    "name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
    "managedFields",
)

# k8s.io/apimachinery/pkg/util/rand: no vowels, no look-alikes.
_NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NOT_A_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def in_order(data: Object, order: tuple[str, ...]) -> Object:
    """The same fields, those named first in that order; fields without a value are left out."""
    result = {key: data[key] for key in order if data.get(key) is not None}
    result.update((key, value) for key, value in data.items() if key not in result and value is not None)
    return result


def generated_name(prefix: str, source: random.Random) -> str:
    """generateName plus five letters; the prefix is cut so that the whole has at most 63."""
    return prefix[:58] + "".join(source.choice(_NAME_LETTERS) for _ in range(5))


def new_metadata(metadata: Object, name: str, namespace: str | None, generation: bool) -> Object:
    """The metadata of an object that is being created: what the client may not choose is replaced."""
    data = {
        **{key: value for key, value in metadata.items()
           if key not in ("selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields")},
        "name": name, "uid": str(uuid.uuid4()), "resourceVersion": "0", "creationTimestamp": timestamp(),
    }
    for key in ("labels", "annotations", "ownerReferences", "finalizers"):
        if not data.get(key):
            data.pop(key, None)
    data.pop("generation", None)
    data.pop("namespace", None)
    if namespace is not None:
        data["namespace"] = namespace
    if generation:
        data["generation"] = 1
    return in_order(data, METADATA_ORDER)


def name_problems(metadata: Object) -> list[FieldProblem]:
    """Names and generateName prefixes must be DNS subdomains (apimachinery/pkg/api/validation/objectmeta.go)."""
    problems: list[FieldProblem] = []
    prefix = metadata.get("generateName", "")
    if prefix and not _SUBDOMAIN.fullmatch(prefix[:-1] + "a" if prefix.endswith("-") else prefix):
        problems.append(_invalid_name("metadata.generateName", prefix))
    name = metadata.get("name", "")
    if not name:
        problems.append(FieldProblem("metadata.name", "FieldValueRequired",
                                     "Required value: name or generateName is required"))
    elif not _SUBDOMAIN.fullmatch(name):
        problems.append(_invalid_name("metadata.name", name))
    elif len(name) > 253:
        problems.append(FieldProblem("metadata.name", "FieldValueInvalid",
                                     f'Invalid value: "{name}": must be no more than 253 characters'))
    return problems


def _invalid_name(path: str, value: str) -> FieldProblem:
    return FieldProblem(path, "FieldValueInvalid", f'Invalid value: "{value}": {_NOT_A_SUBDOMAIN}')
