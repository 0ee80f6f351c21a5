"""Pods: defaults, admission, validation, quality of service, and what an update may change.

Rules: pkg/apis/core/v1/defaults.go, pkg/apis/core/validation, pkg/registry/core/pod and
the admission plugins DefaultTolerationSeconds and Priority, which a server runs by default.
"""

from __future__ import annotations

from typing import Any

from . import quantity
from .clock import timestamp
from .errors import FieldProblem, forbidden, invalid
from .objects import in_order
from .release import Release

Object = dict[str, Any]

_SPEC_ORDER = (
    "volumes", "initContainers", "containers", "ephemeralContainers", "restartPolicy",
    "terminationGracePeriodSeconds", "activeDeadlineSeconds", "dnsPolicy", "nodeSelector", "serviceAccountName",
    "serviceAccount", "automountServiceAccountToken", "nodeName", "hostNetwork", "hostPID", "hostIPC",
    "shareProcessNamespace", "securityContext", "imagePullSecrets", "hostname", "subdomain", "affinity",
    "schedulerName", "tolerations", "hostAliases", "priorityClassName", "priority", "dnsConfig", "readinessGates",
    "runtimeClassName", "enableServiceLinks", "preemptionPolicy", "overhead", "topologySpreadConstraints",
    "setHostnameAsFQDN", "os", "hostUsers", "schedulingGates", "resourceClaims", "resources",
)
_CONTAINER_ORDER = (
    "name", "image", "command", "args", "workingDir", "ports", "envFrom", "env", "resources", "resizePolicy",
    "restartPolicy", "volumeMounts", "volumeDevices", "livenessProbe", "readinessProbe", "startupProbe",
    "lifecycle", "terminationMessagePath", "terminationMessagePolicy", "imagePullPolicy", "securityContext",
    "stdin", "stdinOnce", "tty",
)
_STATUS_ORDER = (
    "observedGeneration", "phase", "conditions", "message", "reason", "nominatedNodeName", "hostIP", "hostIPs",
    "podIP", "podIPs", "startTime", "initContainerStatuses", "containerStatuses", "qosClass",
)
_CONDITION_ORDER = ("type", "observedGeneration", "status", "lastProbeTime", "lastTransitionTime", "reason", "message")
_PROBE_DEFAULTS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_PRIORITY_CLASSES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}
_EVICTING_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
# Spec fields that an update of an existing pod may change (ValidatePodUpdate); images are compared apart.
_CHANGEABLE = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates")

FINISHED_PHASES = frozenset({"Succeeded", "Failed"})


def is_finished(pod: Object) -> bool:
    return pod["status"].get("phase") in FINISHED_PHASES


def with_defaults(pod: Object, release: Release) -> Object:
    """The pod that the server makes of a client's manifest, metadata aside: defaults and a Pending status."""
    spec = dict(pod.get("spec") or {})
    if not release.knows_scheduling_gates:
        spec.pop("schedulingGates", None)
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("enableServiceLinks", True)
    spec["schedulerName"] = spec.get("schedulerName") or "default-scheduler"
    for field in ("containers", "initContainers"):
        if spec.get(field):
            spec[field] = [_with_container_defaults(container, release) for container in spec[field]]
    if spec.get("volumes"):
        spec["volumes"] = [volume if len(volume) > 1 else {**volume, "emptyDir": {}} for volume in spec["volumes"]]
    status: Object = {"phase": "Pending"}
    if spec.get("schedulingGates"):
        status["conditions"] = [with_condition_defaults({
            "type": "PodScheduled", "status": "False", "lastTransitionTime": None, "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates"})]
    status["qosClass"] = quality_of_service(spec)
    return {"metadata": pod["metadata"], "spec": in_order(spec, _SPEC_ORDER), "status": status}


def _with_container_defaults(container: Object, release: Release) -> Object:
    data = dict(container)
    image = data.get("image", "")
    untagged = ":" not in image.rsplit("/", 1)[-1] and "@" not in image
    data.setdefault("imagePullPolicy", "Always" if untagged or image.endswith(":latest") else "IfNotPresent")
    data.setdefault("terminationMessagePath", "/dev/termination-log")
    data.setdefault("terminationMessagePolicy", "File")
    if not release.knows_scheduling_gates:
        data.pop("restartPolicy", None)
    found = dict(data.get("resources") or {})
    if found.get("limits"):
        found["requests"] = dict(sorted({**found["limits"], **(found.get("requests") or {})}.items()))
    data["resources"] = in_order(found, ("limits", "requests"))
    if data.get("ports"):
        data["ports"] = [{**port, "protocol": port.get("protocol", "TCP")} for port in data["ports"]]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if data.get(probe):
            data[probe] = {**data[probe], **{k: data[probe].get(k, v) for k, v in _PROBE_DEFAULTS.items()}}
    return in_order(data, _CONTAINER_ORDER)


def admitted(pod: Object) -> Object:
    """The pod after the mutating admission plugins: tolerations of evicting taints, priority."""
    spec = dict(pod["spec"])
    tolerations = list(spec.get("tolerations") or [])
    for key in _EVICTING_TAINTS:
        if not any(_tolerates(toleration, key) for toleration in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    spec["tolerations"] = tolerations
    class_name = spec.get("priorityClassName")
    if class_name and class_name not in _PRIORITY_CLASSES:
        raise forbidden("pods", "", pod["metadata"].get("name", ""),
                        f"no PriorityClass with name {class_name} was found")
    spec["priority"] = _PRIORITY_CLASSES.get(class_name or "", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    return {**pod, "spec": in_order(spec, _SPEC_ORDER)}


def _tolerates(toleration: Object, key: str) -> bool:
    return toleration.get("key", key) in (key, "") and toleration.get("effect", "NoExecute") in ("NoExecute", "")


def quality_of_service(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort (pkg/apis/core/helper/qos)."""
    guaranteed, anything = True, False
    for container in (spec.get("containers") or []) + (spec.get("initContainers") or []):
        found = container.get("resources") or {}
        limits, requests = found.get("limits") or {}, found.get("requests") or {}
        for name in ("cpu", "memory"):
            request, limit = (quantity.parse(part[name]) if name in part else 0 for part in (requests, limits))
            anything = anything or request > 0 or limit > 0
            guaranteed = guaranteed and limit > 0 and request == limit
    if not anything:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def problems(pod: Object, release: Release) -> list[FieldProblem]:
    """What validation finds wrong with the spec of a new pod."""
    found: list[FieldProblem] = []
    spec = pod["spec"]
    if not spec.get("containers"):
        found.append(FieldProblem("spec.containers", "FieldValueRequired", "Required value"))
    for field in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(field) or []):
            found += _container_problems(f"spec.{field}[{index}]", container, release)
    if spec.get("restartPolicy") not in ("Always", "OnFailure", "Never"):
        found.append(FieldProblem("spec.restartPolicy", "FieldValueNotSupported",
                                  f'Unsupported value: "{spec.get("restartPolicy")}": '
                                  'supported values: "Always", "OnFailure", "Never"'))
    if spec.get("schedulingGates") and spec.get("nodeName"):
        found.append(FieldProblem("spec.nodeName", "FieldValueForbidden",
                                  "Forbidden: cannot be set until all schedulingGates have been cleared"))
    return found


def _container_problems(path: str, container: Object, release: Release) -> list[FieldProblem]:
    found: list[FieldProblem] = []
    for field in ("name", "image"):
        if not container.get(field):
            found.append(FieldProblem(f"{path}.{field}", "FieldValueRequired", "Required value"))
    parts = container["resources"]
    limits, requests = parts.get("limits") or {}, parts.get("requests") or {}
    for kind, quantities in (("limits", limits), ("requests", requests)):
        for name, value in quantities.items():
            if quantity.parse(value) < 0:
                found.append(FieldProblem(f"{path}.resources.{kind}[{name}]", "FieldValueInvalid",
                                          f'Invalid value: "{value}": must be greater than or equal to 0'))
    for name, value in requests.items():
        if name in limits and quantity.parse(value) > quantity.parse(limits[name]):
            of_what = f" of {limits[name]}" if release.limit_in_request_error else ""
            found.append(FieldProblem(f"{path}.resources.requests", "FieldValueInvalid",
                                      f'Invalid value: "{value}": must be less than or equal to {name} limit{of_what}'))
    return found


def with_condition_defaults(condition: Object) -> Object:
    """A condition as encoded: both times are there, null where not known (patch-status.txt)."""
    data = {"lastProbeTime": None, "lastTransitionTime": None, **condition}
    return {key: data[key] for key in _CONDITION_ORDER
            if key in data and (data[key] is not None or key.startswith("last"))}


def with_status(old: Object, status: Object) -> Object:
    """The pod with a new status. The quality of service never changes."""
    data = {**status, "qosClass": old["status"]["qosClass"], "phase": status.get("phase") or "Pending"}
    if data.get("conditions"):
        data["conditions"] = [with_condition_defaults(condition) for condition in data["conditions"]]
    return {**old, "status": in_order(data, _STATUS_ORDER)}


def set_condition(status: Object, type_: str, value: str, **more: Any) -> Object:
    """The status with one condition set; its transition time moves only when its status changes."""
    conditions = list(status.get("conditions") or [])
    index = next((i for i, item in enumerate(conditions) if item["type"] == type_), len(conditions))
    old = conditions[index] if index < len(conditions) else {}
    when = old.get("lastTransitionTime") if old.get("status") == value else timestamp()
    conditions[index:index + 1] = [with_condition_defaults(
        {"type": type_, "status": value, "lastTransitionTime": when or timestamp(), **more})]
    return in_order({**status, "conditions": conditions}, _STATUS_ORDER)


def check_update(old: Object, wanted: Object, release: Release) -> Object:
    """The spec that an update of a pod leads to; 422 where it changes what may not change."""
    spec = dict(wanted)
    if _without_changeable(spec) != _without_changeable(old["spec"]):
        # The real server adds a difference of the two specs as Go structs.
        words = f"Forbidden: pod updates may not change fields other than {release.changeable_pod_fields}"
        raise invalid("Pod", "", old["metadata"]["name"], [FieldProblem("spec", "FieldValueForbidden", words)])
    old_gates = [gate["name"] for gate in old["spec"].get("schedulingGates") or []]
    added = [gate["name"] for gate in spec.get("schedulingGates") or [] if gate["name"] not in old_gates]
    if added:
        words = "Forbidden: only deletion is allowed, but found new scheduling gate '" + "', '".join(added) + "'"
        raise invalid("Pod", "", old["metadata"]["name"],
                      [FieldProblem("spec.schedulingGates", "FieldValueForbidden", words)])
    if not spec.get("schedulingGates"):
        spec.pop("schedulingGates", None)
    return in_order(spec, _SPEC_ORDER)


def _without_changeable(spec: Object) -> Object:
    result = {key: value for key, value in spec.items() if key not in _CHANGEABLE and value is not None}
    for field in ("containers", "initContainers"):
        if field in result:
            result[field] = [{**container, "image": ""} for container in result[field]]
    return result


def bound(pod: Object, binding: Object, release: Release) -> Object:
    """The pod after a Binding: host, annotations (labels where the release has it) and PodScheduled."""
    given = binding.get("metadata") or {}
    metadata = dict(pod["metadata"])
    for field in ("labels", "annotations") if release.binding_sets_labels else ("annotations",):
        if given.get(field):
            metadata[field] = dict(sorted({**(metadata.get(field) or {}), **given[field]}.items()))
    spec = in_order({**pod["spec"], "nodeName": binding["target"]["name"]}, _SPEC_ORDER)
    return {"metadata": metadata, "spec": spec, "status": set_condition(pod["status"], "PodScheduled", "True")}


def grace_period(pod: Object, requested: int | None) -> int:
    """Seconds between a delete and the end (pkg/registry/core/pod/strategy.go, CheckGracefulDelete).

    A pod that no kubelet has, or that has ended, goes at once.
    """
    if not pod["spec"].get("nodeName") or is_finished(pod):
        return 0
    period = pod["spec"].get("terminationGracePeriodSeconds", 30) if requested is None else requested
    return period if period >= 0 else 1
