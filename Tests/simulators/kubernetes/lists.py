"""Lists in pages: limit and continue, and what resourceVersion means for a list.

The continue token and the texts of its 410 are those of apiserver/pkg/storage/continue.go
and apiserver/pkg/storage/etcd3/errors.go.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from . import errors, selector
from .errors import APIError
from .release import Release
from .requests import Request, RequestInfo
from .resources import Resource
from .selector import Predicate
from .store import Snapshot, Store, Stored, keys_after
from .views import View

Object = dict[str, Any]

_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
    "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
    "modified, or deleted between the time the first chunk was returned and now may show up in the list."
)
_LIST_EXPIRED = "The resourceVersion for the provided list is too old."
# In a token: go on from the present state, whatever it is.
_NOW = -1


def selected(request: Request, resource: Resource) -> Predicate | None:
    """The predicate of both selectors of a list or watch."""
    return selector.both(selector.fields(request.query.get("fieldSelector", ""), resource.selectable),
                         selector.labels(request.query.get("labelSelector", "")))


def prefix_of(info: RequestInfo, resource: Resource) -> str:
    """The prefix of the keys that a request covers."""
    return f"{info.namespace}/" if resource.namespaced and info.namespace else ""


def number(text: str | None, name: str) -> int:
    """A whole number of the query, 0 where absent."""
    try:
        return int(text or 0)
    except ValueError:
        raise errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax ({name})') from None


def resource_version(request: Request, release: Release) -> int:
    text = request.query.get("resourceVersion", "")
    if text and not text.isdecimal():
        words = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        if release.refuses_bad_versions:
            raise errors.bad_request(f"invalid resource version: {words}")
        raise APIError(500, "", words)
    return int(text or 0)


def answer(store: Store, request: Request, info: RequestInfo, resource: Resource, view: View, release: Release) -> bytes:
    """The body of a list."""
    predicate = selected(request, resource)
    prefix = prefix_of(info, resource)
    token = request.query.get("continue", "")
    # The watch cache answers resourceVersion=0 and then ignores limit.
    limit = 0 if request.query.get("resourceVersion") == "0" else number(request.query.get("limit"), "limit")
    if token:
        snapshot, start = _continued(store, resource, token, prefix)
    else:
        snapshot, start = _at(store, request, resource, release), ""
    items: list[Stored] = []
    more, left = "", 0
    for index in range(keys_after(snapshot.keys, prefix + start) if start else 0, len(snapshot.keys)):
        key = snapshot.keys[index]
        if prefix and not key.startswith(prefix):
            continue
        stored = snapshot.objects[key]
        if predicate is not None and not predicate(view.data(stored)):
            continue
        if limit and len(items) == limit:
            more = items[-1].key
            left += 1
            if predicate is not None:
                break
        else:
            items.append(stored)
    metadata: Object = {"resourceVersion": str(snapshot.revision)}
    if more:
        store.keep(resource.stored_as, snapshot)
        metadata["continue"] = _token(snapshot.revision, more.removeprefix(prefix))
        if predicate is None:
            metadata["remainingItemCount"] = left
    return view.list(items, metadata)


def _at(store: Store, request: Request, resource: Resource, release: Release) -> Snapshot:
    wanted = resource_version(request, release)
    if wanted > store.revision:
        raise errors.too_large_resource_version(wanted, store.revision)
    if request.query.get("resourceVersionMatch") == "Exact" and wanted != store.revision:
        kept = store.kept(resource.stored_as, wanted)
        if kept is None:
            raise errors.expired(_LIST_EXPIRED)
        return kept
    return store.snapshot(resource.stored_as)


def _token(revision: int, last: str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": last + "\0"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    """resourceVersion and last key of a continue token."""
    try:
        content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(content["rv"]), str(content["start"]).removesuffix("\0")
    except binascii.Error:
        why = f"illegal base64 data at input byte {len(token) // 4 * 4}"
    except (ValueError, KeyError, TypeError) as problem:
        why = str(problem)
    raise errors.bad_request(f"invalid continue token: continue key is not valid: {why}")


def _continued(store: Store, resource: Resource, token: str, prefix: str) -> tuple[Snapshot, str]:
    revision, start = _read_token(token)
    if revision == _NOW:
        return store.snapshot(resource.stored_as), start
    snapshot = store.kept(resource.stored_as, revision)
    if snapshot is None:
        raise errors.expired(_CONTINUE_EXPIRED, _token(_NOW, start))
    return snapshot, start


def continue_expired(token: str) -> APIError:
    """The 410 of a continue token, also when a test asks for it before its time."""
    return errors.expired(_CONTINUE_EXPIRED, _token(_NOW, _read_token(token)[1]))
