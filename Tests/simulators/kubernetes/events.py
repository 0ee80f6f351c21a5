"""Events: stored once as core/v1, served also as events.k8s.io/v1.

Conversion: pkg/apis/events/v1/conversion.go. Validation: pkg/apis/core/validation/events.go.
"""

from __future__ import annotations

import json
from typing import Any

from .errors import FieldProblem
from .objects import in_order, name_problems
from .resources import EVENTS_V1, Resource

Object = dict[str, Any]

_CORE_ORDER = ("metadata", "involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp",
               "count", "type", "eventTime", "series", "action", "related", "reportingComponent",
               "reportingInstance")
# events.k8s.io/v1 name -> core/v1 name, in the order of encoding.
_NAMES = {
    "metadata": "metadata", "eventTime": "eventTime", "series": "series",
    "reportingController": "reportingComponent", "reportingInstance": "reportingInstance", "action": "action",
    "reason": "reason", "regarding": "involvedObject", "related": "related", "note": "message", "type": "type",
    "deprecatedSource": "source", "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp", "deprecatedCount": "count",
}
_REFERENCE_ORDER = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
# Times and texts that are encoded even when nobody has set them (event.txt).
_ALWAYS: Object = {"source": {}, "firstTimestamp": None, "lastTimestamp": None, "eventTime": None,
                   "reportingComponent": "", "reportingInstance": ""}


def to_core(event: Object, resource: Resource) -> Object:
    """The stored form of an event that came in through one of the two groups."""
    if resource is EVENTS_V1:
        event = {core: event[name] for name, core in _NAMES.items() if name in event}
    data = {**_ALWAYS, "involvedObject": {}, **event}
    data["involvedObject"] = in_order(data["involvedObject"], _REFERENCE_ORDER)
    return {key: data[key] for key in _CORE_ORDER if key in data and (data[key] is not None or key in _ALWAYS)}


def from_core(event: Object, resource: Resource) -> Object:
    """An event as the given group shows it."""
    if resource is not EVENTS_V1:
        return event
    return {name: event[core] for name, core in _NAMES.items() if core in event and event[core] != ""}


def problems(event: Object, resource: Resource) -> list[FieldProblem]:
    """Loose for old events, which have no eventTime; strict for those that come in through events.k8s.io."""
    found = name_problems(event["metadata"]) if resource is EVENTS_V1 else []
    namespace, about = event["metadata"].get("namespace", ""), event["involvedObject"].get("namespace", "")
    if about != namespace and not (about == "" and namespace == "default"):
        found.append(FieldProblem("involvedObject.namespace", "FieldValueInvalid",
                                  f'Invalid value: "{about}": does not match event.namespace'))
    if event.get("eventTime"):
        found += [FieldProblem(name, "FieldValueRequired", "Required value")
                  for name, stored in (("reportingController", "reportingComponent"),
                                       ("reportingInstance", "reportingInstance"), ("action", "action"),
                                       ("reason", "reason")) if not event.get(stored)]
    if resource is not EVENTS_V1:
        return found
    if not event.get("eventTime"):
        found.append(FieldProblem("eventTime", "FieldValueRequired", "Required value"))
    kind = event.get("type") or ""
    if kind not in ("Normal", "Warning"):
        found.append(FieldProblem("type", "FieldValueInvalid", f'Invalid value: "": has invalid value: {kind}'))
    found += [FieldProblem(name, "FieldValueInvalid", f"Invalid value: {json.dumps(event[name])}: needs to be unset")
              for name in ("firstTimestamp", "lastTimestamp", "count", "source") if event.get(name)]
    return found
