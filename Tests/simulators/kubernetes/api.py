"""The verbs of the API on stored objects: what a request reads or changes, and its answer.

Nothing here waits or knows of connections. Every method is called with the
store's lock held.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from . import access, discovery, errors, lists, patch, pods, strategies, views, watches
from .access import Access, User
from .clock import seconds_since_epoch, timestamp
from .errors import APIError, FieldProblem
from .managed_fields import Bookkeeper, manager_name, submitted
from .objects import METADATA_ORDER, generated_name, in_order, new_metadata
from .release import Release
from .requests import Request, RequestInfo
from .resources import (ALL, BY_PATH, EVENTS, EVENTS_V1, LEASES, NAMESPACES, NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES,
                        PODS, STORAGE_CLASSES, Resource)
from .store import Store, Stored, encode
from .views import View

Object = dict[str, Any]

JSON = "application/json"
_UNCONDITIONAL_UPDATE = frozenset({PODS, NODES, NAMESPACES, EVENTS, EVENTS_V1, PERSISTENT_VOLUME_CLAIMS,
                                   PERSISTENT_VOLUMES, STORAGE_CLASSES})
_CREATE_ON_UPDATE = frozenset({LEASES, EVENTS, EVENTS_V1})
# Parts of the metadata that an update takes from the stored object, whatever the client sends.
_KEPT_METADATA = ("name", "generateName", "namespace", "uid", "generation", "creationTimestamp", "deletionTimestamp",
                  "deletionGracePeriodSeconds", "managedFields")
INITIAL_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


@dataclass(frozen=True)
class Response:
    """A complete answer."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


_NO_PAGE = Response(404, b"404 page not found\n", "text/plain; charset=utf-8")


def error_response(error: APIError) -> Response:
    return Response(error.code, encode(error.status()) + b"\n")


@dataclass(frozen=True)
class _Call:
    """One authorised request for a resource."""

    request: Request
    info: RequestInfo
    resource: Resource
    user: User

    @property
    def key(self) -> str:
        return f"{self.info.namespace}/{self.info.name}" if self.resource.namespaced else self.info.name

    @property
    def namespace(self) -> str | None:
        return self.info.namespace if self.resource.namespaced else None

    @property
    def manager(self) -> str:
        return manager_name(self.request.headers.get("user-agent"), self.request.query.get("fieldManager"))

    @property
    def dry_run(self) -> bool:
        return bool(self.request.query.get("dryRun"))

    def not_found(self) -> APIError:
        return errors.not_found(self.resource.name, self.resource.group, self.info.name)


class API:
    """All resources of one API server of one release."""

    def __init__(self, store: Store, release: Release, access_control: Access, source: random.Random) -> None:
        self.store = store
        self.release = release
        self.access = access_control
        self._random = source
        self._strategies = strategies.for_release(release)
        self._managed_fields = Bookkeeper(release.subresource_managed_fields)

    def handle(self, request: Request, info: RequestInfo, user: User) -> Response | watches.Watch:
        """The answer to an authenticated request. Failures are raised as APIError."""
        self.access.check(user, info)
        if not info.resource:
            return self._other_path(request, info)
        resource = BY_PATH.get((info.group, info.version, info.resource))
        if resource is None and not any((r.group, r.version) == (info.group, info.version) for r in ALL):
            return _NO_PAGE
        if resource is None or info.subresource and info.subresource not in resource.subresources:
            # POST namespaces/x/bindings is the older name of POST pods/x/binding.
            if (info.group, info.resource, info.verb) == ("", "bindings", "create"):
                return self._bind_by_body(request, info, user)
            raise errors.no_such_resource()
        if resource.namespaced and not info.namespace and info.verb not in ("list", "watch"):
            raise errors.method_not_allowed()
        call = _Call(request, info, resource, user)
        match info.verb, info.subresource:
            case "get", "" | "status":
                return self._get(call)
            case "list", "":
                return Response(200, lists.answer(self.store, request, info, resource, self._view(call), self.release) + b"\n")
            case "watch", "":
                return self._watch(call)
            case "create", "":
                return self._create(call)
            case "create", "binding":
                return self._bind(call, _decoded(request, "Binding"))
            case "update", "" | "status":
                return self._update(call)
            case "patch", "" | "status":
                return self._patch(call)
            case "delete", "":
                return self._delete(call)
        raise errors.method_not_allowed()

    def _other_path(self, request: Request, info: RequestInfo) -> Response:
        path = info.path.rstrip("/") or "/"
        if path in ("/healthz", "/livez", "/readyz"):
            return Response(200, b"ok", "text/plain; charset=utf-8")
        if path == "/version":
            return Response(200, json.dumps(self.release.version_document, indent=2).encode())
        if path == "/openapi/v2":
            return Response(200, discovery.openapi_v2(), discovery.PROTOBUF)
        document = discovery.document(path)
        if document is None:
            return _NO_PAGE
        return Response(200, encode(document) + b"\n")

    def _view(self, call: _Call) -> View:
        return views.for_request(call.resource, call.request.headers.get("accept", ""),
                                 call.request.query.get("includeObject", "Metadata"), self.release)

    def _object(self, call: _Call, stored: Stored, status: int = 200) -> Response:
        return Response(status, self._view(call).object(stored) + b"\n")

    def _existing(self, call: _Call) -> Stored:
        stored = self.store.get(call.resource.stored_as, call.key)
        if stored is None:
            raise call.not_found()
        return stored

    def _get(self, call: _Call) -> Response:
        return self._object(call, self._existing(call))

    def _watch(self, call: _Call) -> watches.Watch:
        return watches.begin(self.store, call.request, call.resource, self._view(call),
                             lists.prefix_of(call.info, call.resource), lists.selected(call.request, call.resource),
                             lists.resource_version(call.request, self.release), self.release, self._random)

    # Writing

    def _write(self, call: _Call, key: str, data: Object) -> Stored:
        if call.dry_run:
            return Stored(key, data, self.store.revision)
        return self.store.write(call.resource.stored_as, key, data, call.user.name)

    def _create(self, call: _Call) -> Response:
        body = _decoded(call.request, call.resource.kind, call.resource)
        return self._object(call, self._created(call, body), 201)

    def _created(self, call: _Call, body: Object) -> Stored:
        resource, strategy = call.resource, self._strategies[call.resource]
        given = body.get("metadata") or {}
        if resource.namespaced:
            if given.get("namespace") and given["namespace"] != call.namespace:
                raise errors.bad_request("the namespace of the provided object does not match the namespace sent "
                                         "on the request")
        data = strategy.decoded({**body, "metadata": given}, call.request.body)
        if call.namespace is not None and self.store.get(NAMESPACES.stored_as, call.namespace) is None:
            raise errors.not_found(NAMESPACES.name, "", call.namespace)
        name = given.get("name") or ""
        if not name and given.get("generateName"):
            name = generated_name(given["generateName"], self._random)
        counted = self.release.counts_generations and resource is PODS
        data = strategy.completed({**data, "metadata": new_metadata(given, name, call.namespace, counted)})
        found = strategy.problems(data)
        if found:
            raise errors.invalid(resource.kind, resource.group if resource is not EVENTS_V1 else "", name, found)
        key = f"{call.namespace}/{name}" if call.namespace is not None else name
        if self.store.get(resource.stored_as, key) is not None:
            raise errors.already_exists(resource.name, resource.group, name)
        data["metadata"]["managedFields"] = [*(submitted(given.get("managedFields")) or []),
                                             *self._managed_fields.created(data, resource.api_version, call.manager)]
        return self._write(call, key, data)

    def _update(self, call: _Call) -> Response:
        body = _decoded(call.request, call.resource.kind, call.resource)
        given = body.get("metadata") or {}
        if given.get("name") != call.info.name:
            raise errors.bad_request(f"the name of the object ({given.get('name', '')}) does not match the name on "
                                     f"the URL ({call.info.name})")
        stored = self.store.get(call.resource.stored_as, call.key)
        if stored is None:
            if call.resource in _CREATE_ON_UPDATE and not call.info.subresource:
                return self._object(call, self._created(call, body), 201)
            raise call.not_found()
        found_uid = stored.data["metadata"]["uid"]
        if given.get("uid") and given["uid"] != found_uid:
            raise errors.wrong_uid_in_storage(call.resource.name, call.resource.group, call.key, call.info.name,
                                              given["uid"], found_uid)
        if not given.get("resourceVersion") and call.resource not in _UNCONDITIONAL_UPDATE:
            raise errors.invalid(call.resource.name, call.resource.group, call.info.name, [FieldProblem(
                "metadata.resourceVersion", "FieldValueInvalid",
                f"Invalid value: {self.release.missing_version}: must be specified for an update")])
        new = self._strategies[call.resource].decoded({**body, "metadata": given}, call.request.body)
        return self._object(call, self._replaced(call, stored, new))

    def _patch(self, call: _Call) -> Response:
        media_type = call.request.headers.get("content-type", "").split(";")[0].strip()
        if media_type not in patch.ACCEPTED:
            raise errors.unsupported_patch_type()
        document = _json(call.request, call.resource.kind)
        stored = self._existing(call)
        view = View(call.resource)
        old = {"kind": call.resource.kind, "apiVersion": call.resource.api_version, **view.data(stored)}
        match media_type:
            case patch.JSON_PATCH:
                new = patch.json_patch(old, document)
            case patch.MERGE:
                new = patch.merge(old, document)
            case _:
                new = patch.strategic_merge(old, document)
        if new["metadata"].get("uid") != old["metadata"]["uid"]:
            problem = FieldProblem("metadata.uid", "FieldValueInvalid",
                                   f'Invalid value: "{new["metadata"].get("uid")}": field is immutable')
            # Both the generic check of an update and the pods' own one find it.
            raise errors.invalid(call.resource.kind, call.resource.group, call.info.name,
                                 [problem] * (2 if call.resource is PODS else 1))
        new = {key: value for key, value in new.items() if key not in ("kind", "apiVersion")}
        new = self._strategies[call.resource].decoded(new, call.request.body)
        return self._object(call, self._replaced(call, stored, new))

    def _replaced(self, call: _Call, stored: Stored, new: Object) -> Stored:
        """Put `new` in the place of a stored object, so far as an update may change it."""
        old = stored.data
        given = new["metadata"]
        if given.get("resourceVersion") not in (None, "", "0", old["metadata"]["resourceVersion"]):
            raise errors.modified_meanwhile(call.resource.name, call.resource.group, call.info.name)
        metadata = {key: given.get(key) for key in METADATA_ORDER}
        metadata.update((key, old["metadata"].get(key)) for key in _KEPT_METADATA)
        metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
        for key in ("labels", "annotations", "ownerReferences", "finalizers"):
            metadata[key] = metadata[key] or None
        metadata = in_order(metadata, METADATA_ORDER)
        data = self._strategies[call.resource].updated(old, {**new, "metadata": metadata}, call.info.subresource)
        # One empty entry is how a client clears the list ("Server-Side Apply", clearing managedFields).
        clears = given.get("managedFields") == [{}]
        if data == old and not clears:
            # An update that changes nothing is not written (etcd3 store, GuaranteedUpdate).
            return stored
        if "generation" in metadata and data.get("spec") != old.get("spec"):
            metadata["generation"] += 1
        told = submitted(given.get("managedFields"))
        before = {**old, "metadata": {**old["metadata"], "managedFields": told}} if told else old
        metadata["managedFields"] = None if clears else self._managed_fields.updated(
            before, data, call.resource.api_version, call.manager, call.info.subresource)
        data = {**data, "metadata": in_order(metadata, METADATA_ORDER)}
        if not call.dry_run and metadata.get("deletionTimestamp") and not metadata.get("finalizers") \
                and metadata.get("deletionGracePeriodSeconds") == 0:
            # The update that takes the last finalizer away is not written: the object goes.
            gone = self.store.delete(call.resource.stored_as, call.key, call.user.name)
            return Stored(call.key, data, gone.revision)
        return self._write(call, call.key, data)

    # Binding

    def _bind_by_body(self, request: Request, info: RequestInfo, user: User) -> Response:
        binding = _decoded(request, "Binding")
        name = (binding.get("metadata") or {}).get("name", "")
        pod = RequestInfo("create", info.path, "", "v1", "pods", info.namespace, name, "binding")
        return self._bind(_Call(request, pod, PODS, user), binding)

    def _bind(self, call: _Call, binding: Object) -> Response:
        """pkg/registry/core/pod/storage: assignPod. An unknown node is accepted."""
        given, name = binding.get("metadata") or {}, call.info.name
        if given.get("name") != name:
            raise errors.bad_request("name in URL does not match name in Binding object")
        target = binding.get("target") or {}
        found: list[FieldProblem] = []
        if target.get("kind") not in (None, "", "Node"):
            found.append(FieldProblem("target.kind", "FieldValueNotSupported",
                                      f'Unsupported value: "{target["kind"]}": supported values: "Node", "<empty>"'))
        if not target.get("name"):
            found.append(FieldProblem("target.name", "FieldValueRequired", "Required value"))
        if found:
            raise errors.unwrapped(found)
        stored = self._existing(call)
        pod = stored.data
        uid = pod["metadata"]["uid"]
        if self.release.binding_checks_uid and given.get("uid") and given["uid"] != uid:
            raise errors.wrong_uid_in_storage("pods", "", call.key, name, given["uid"], uid)
        refusal = ""
        if pod["metadata"].get("deletionTimestamp"):
            refusal = f"pod {name} is being deleted, cannot be assigned to a host"
        elif pod["spec"].get("nodeName"):
            refusal = f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
        elif pod["spec"].get("schedulingGates"):
            refusal = f"pod {name} has non-empty .spec.schedulingGates"
        if refusal:
            raise errors.conflict("pods/binding", "", name, refusal)
        data = pods.bound(pod, binding, self.release)
        data["metadata"] = in_order(data["metadata"], METADATA_ORDER)
        self._write(call, call.key, data)
        success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        return Response(201, encode(success) + b"\n")

    # Deleting

    def _delete(self, call: _Call) -> Response:
        options: Object = {}
        if call.request.body.strip():
            options = _decoded(call.request, "DeleteOptions")
        elif "gracePeriodSeconds" in call.request.query:
            options["gracePeriodSeconds"] = lists.number(call.request.query["gracePeriodSeconds"],
                                                         "gracePeriodSeconds")
        stored = self._existing(call)
        self._check_preconditions(call, stored, options.get("preconditions") or {})
        if call.dry_run:
            return self._object(call, stored)
        if call.resource is PODS:
            return self._object(call, self._delete_pod(call.user, stored, options.get("gracePeriodSeconds")))
        if call.resource is NAMESPACES:
            self._empty_namespace(call)
        self.store.delete(call.resource.stored_as, call.key, call.user.name)
        details = errors.object_details(call.info.name, call.resource.name, call.resource.group)
        details["uid"] = stored.data["metadata"]["uid"]
        return Response(200, encode({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                                     "details": details}) + b"\n")

    @staticmethod
    def _check_preconditions(call: _Call, stored: Stored, preconditions: Object) -> None:
        """The preconditions of DeleteOptions (apiserver/pkg/registry/rest/delete.go, delete-wrong-uid.txt)."""
        metadata = stored.data["metadata"]
        for field, name, why in (("uid", "UID", "deleted and then recreated"),
                                 ("resourceVersion", "ResourceVersion", "modified")):
            wanted = preconditions.get(field)
            if wanted is not None and wanted != metadata[field]:
                raise errors.conflict(call.resource.kind, call.resource.group, call.info.name,
                                      f"the {name} in the precondition ({wanted}) does not match the {name} in "
                                      f"record ({metadata[field]}). The object might have been {why}")

    def _delete_pod(self, user: User, stored: Stored, requested: int | None) -> Stored:
        """Graceful deletion (apiserver/pkg/registry/rest/delete.go, BeforeDelete).

        A pod that is being deleted already may only be given less time; a request that
        changes nothing is answered before admission sees it.
        """
        metadata = dict(stored.data["metadata"])
        now = int(seconds_since_epoch(timestamp()))
        if metadata.get("deletionTimestamp"):
            if requested is None or requested >= metadata["deletionGracePeriodSeconds"]:
                return stored
            access.check_node_restriction(user, metadata["name"], stored.data["spec"].get("nodeName", ""))
            period = max(requested, 0)
            begun = seconds_since_epoch(metadata["deletionTimestamp"]) - metadata["deletionGracePeriodSeconds"]
            metadata["deletionTimestamp"] = timestamp(begun + period)
        else:
            access.check_node_restriction(user, metadata["name"], stored.data["spec"].get("nodeName", ""))
            period = pods.grace_period(stored.data, requested)
            metadata["deletionTimestamp"] = timestamp(now + period)
            if "generation" in metadata:
                metadata["generation"] += 1
        metadata["deletionGracePeriodSeconds"] = period
        data = {**stored.data, "metadata": in_order(metadata, METADATA_ORDER)}
        marked = self.store.write(PODS.stored_as, stored.key, data, user.name)
        if period > 0 or metadata.get("finalizers"):
            return marked
        last = self.store.delete(PODS.stored_as, stored.key, user.name)
        return last if self.release.delete_answers_final_revision else marked

    def _empty_namespace(self, call: _Call) -> None:
        """What the namespace controller does, at once."""
        prefix = call.info.name + "/"
        for name in {resource.stored_as for resource in ALL if resource.namespaced}:
            for key in [key for key in self.store.table(name).objects if key.startswith(prefix)]:
                self.store.delete(name, key, call.user.name)


def _json(request: Request, kind: str) -> Any:
    media_type = request.headers.get("content-type", JSON).split(";")[0].strip()
    if media_type not in (JSON, *patch.ACCEPTED):
        raise errors.unsupported_media_type((JSON, "application/yaml", "application/vnd.kubernetes.protobuf"))
    try:
        return json.loads(request.body)
    except ValueError as problem:
        why = "unexpected end of JSON input" if getattr(problem, "pos", -1) >= len(request.body) else str(problem)
        summary = request.body[:30].decode(errors="replace") + (" ..." if len(request.body) > 30 else "")
        raise errors.bad_request(f"the object provided is unrecognized (must be of type {kind}): couldn't get "
                                 f"version/kind; json parse error: {why} ({summary or 'empty'})") from None


def _decoded(request: Request, kind: str, resource: Resource | None = None) -> Object:
    """The object in a request's body, which must be of this kind if it names one."""
    body = _json(request, kind)
    if not isinstance(body, dict):
        raise errors.bad_request(f"the object provided is unrecognized (must be of type {kind}): couldn't get "
                                 "version/kind; json parse error: json: cannot unmarshal into Go value of type struct")
    if body.get("kind", kind) != kind or \
            resource is not None and body.get("apiVersion", resource.api_version) != resource.api_version:
        version = body.get("apiVersion", "")
        internal = "coordination" if resource is LEASES else "core"
        raise errors.bad_request(f'{body.get("kind")} in version "{version}" cannot be handled as a {kind}: '
                                 f"converting ({version.replace('/', '.')}.{body.get('kind')}) to "
                                 f"({internal}.{kind}): unknown conversion")
    return {key: value for key, value in body.items() if key not in ("kind", "apiVersion")}
