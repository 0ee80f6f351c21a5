"""The resources that the simulator serves, and what the API says of each."""

from __future__ import annotations

from dataclasses import dataclass, field

_METADATA_FIELDS = frozenset({"metadata.name", "metadata.namespace"})


@dataclass(frozen=True)
class Resource:
    """One kind of object under one API group and version."""

    name: str
    kind: str
    group: str
    version: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    selectable: frozenset[str] = _METADATA_FIELDS
    # Events are stored once and served by two groups; both name the same storage.
    storage: str = field(default="")

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def stored_as(self) -> str:
        return self.storage or self.name


PODS = Resource(
    "pods", "Pod", "", "v1", True, ("po",), ("status", "binding"),
    _METADATA_FIELDS | {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
                        "status.phase", "status.podIP", "status.nominatedNodeName"},
)
NODES = Resource("nodes", "Node", "", "v1", False, ("no",), ("status",), _METADATA_FIELDS | {"spec.unschedulable"})
NAMESPACES = Resource("namespaces", "Namespace", "", "v1", False, ("ns",), ("status",),
                      frozenset({"metadata.name", "status.phase"}))
EVENTS = Resource(
    "events", "Event", "", "v1", True, ("ev",), (),
    _METADATA_FIELDS | {f"involvedObject.{part}" for part in
                        ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")}
    | {"reason", "reportingComponent", "type"},
)
EVENTS_V1 = Resource(
    "events", "Event", "events.k8s.io", "v1", True, ("ev",), (),
    _METADATA_FIELDS | {f"regarding.{part}" for part in
                        ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")}
    | {"reason", "reportingController", "type"},
)
LEASES = Resource("leases", "Lease", "coordination.k8s.io", "v1", True)
PERSISTENT_VOLUME_CLAIMS = Resource("persistentvolumeclaims", "PersistentVolumeClaim", "", "v1", True, ("pvc",), ("status",))
PERSISTENT_VOLUMES = Resource("persistentvolumes", "PersistentVolume", "", "v1", False, ("pv",), ("status",))
STORAGE_CLASSES = Resource("storageclasses", "StorageClass", "storage.k8s.io", "v1", False, ("sc",),
                           selectable=frozenset({"metadata.name"}))

ALL: tuple[Resource, ...] = (PODS, NODES, NAMESPACES, EVENTS, EVENTS_V1, LEASES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES,
                              STORAGE_CLASSES)
BY_PATH: dict[tuple[str, str, str], Resource] = {(r.group, r.version, r.name): r for r in ALL}
