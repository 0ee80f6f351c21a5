"""One watch: which changes it sees, as what, and where it begins."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from .errors import APIError, expired
from .release import Release
from .requests import Request
from .resources import Resource
from .selector import Predicate
from .store import Change, Store, Stored, encode
from .views import TableView, View

# A watch without timeoutSeconds ends after this many seconds to twice as many
# (kube-apiserver --min-request-timeout).
MINIMAL_TIMEOUT = 1800
# What an empty object of each kind has beside its metadata: the object of a bookmark.
_EMPTY_PARTS: dict[str, dict[str, object]] = {
    "Pod": {"spec": {"containers": None}, "status": {}},
    "Node": {"spec": {}, "status": {}},
    "Namespace": {"spec": {}, "status": {}},
    "Lease": {"spec": {}},
    "PersistentVolumeClaim": {"spec": {"resources": {}}, "status": {}},
    "StorageClass": {"provisioner": ""},
}


@dataclass
class Watch:
    """What the API has decided about a watch request; the server sends it."""

    resource: Resource
    view: View
    prefix: str
    predicate: Predicate | None
    release: Release
    timeout: float
    bookmarks: bool
    revision: int
    first: list[bytes] = field(default_factory=list)
    # Set where the watch cannot begin: sent as one ERROR event, then the watch ends.
    error: APIError | None = None

    def line(self, change: Change) -> bytes | None:
        """The event that this watch sends for a change, or None.

        An object that begins or ceases to satisfy the selector is ADDED or DELETED
        for this watch (apiserver/pkg/storage/cacher/cacher.go).
        """
        if self.prefix and not change.stored.key.startswith(self.prefix):
            return None
        if self.predicate is None:
            return _line(change.type, self.view.object(change.stored))
        now = change.type != "DELETED" and self.predicate(self.view.data(change.stored))
        before = change.previous is not None and self.predicate(self.view.data(change.previous))
        if not now and not before:
            return None
        kind = "MODIFIED" if now and before else "ADDED" if now else "DELETED"
        return _line(kind, self.view.object(change.stored if now or change.type == "DELETED" else _last(change)))

    def bookmark(self, revision: int, initial_events_end: bool = False) -> bytes:
        """A BOOKMARK event (watch.txt)."""
        metadata: dict[str, object] = {"resourceVersion": str(max(revision, self.revision))}
        if self.release.bookmark_has_creation_timestamp:
            metadata["creationTimestamp"] = None
        if initial_events_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        if isinstance(self.view, TableView):
            body: dict[str, object] = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                                       "columnDefinitions": [], "rows": []}
        else:
            body = {"kind": self.resource.kind, "apiVersion": self.resource.api_version, "metadata": metadata,
                    **_EMPTY_PARTS.get(self.resource.kind, {})}
        return _line("BOOKMARK", encode(body))


def _line(kind: str, body: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + body + b"}\n"


def error_line(error: APIError) -> bytes:
    """An ERROR event (watch-gone.txt)."""
    return _line("ERROR", encode(error.status()))


def _last(change: Change) -> Stored:
    """What an object was before it left the selection, under the resourceVersion of the change."""
    assert change.previous is not None
    data = change.previous.data
    metadata = {**data["metadata"], "resourceVersion": str(change.revision)}
    return Stored(change.stored.key, {**data, "metadata": metadata}, change.revision)


def begin(store: Store, request: Request, resource: Resource, view: View, prefix: str, predicate: Predicate | None,
          revision: int, release: Release, source: random.Random) -> Watch:
    """The watch that a request opens; to be called, and its revision read, under the store's lock."""
    timeout = float(request.query.get("timeoutSeconds") or 0) or MINIMAL_TIMEOUT * (1 + source.random())
    watch = Watch(resource, view, prefix, predicate, release, timeout, request.flag("allowWatchBookmarks"),
                  store.revision)
    initial = release.watch_list and request.flag("sendInitialEvents")
    if revision == 0 or initial:
        snapshot = store.snapshot(resource.stored_as)
        for key in snapshot.keys:
            stored = snapshot.objects[key]
            if key.startswith(prefix) and (predicate is None or predicate(view.data(stored))):
                watch.first.append(_line("ADDED", view.object(stored)))
        if initial and watch.bookmarks:
            watch.first.append(watch.bookmark(store.revision, initial_events_end=True))
        return watch
    try:
        changes = store.since(resource.stored_as, revision)
    except APIError as error:
        watch.error = error
        return watch
    watch.first = [line for change in changes if (line := watch.line(change)) is not None]
    # A watch may begin at a resourceVersion that is still to come; it then sees only what follows.
    watch.revision = max(revision, store.revision)
    return watch


def gone(store: Store, revision: int) -> APIError:
    """The 410 of a watch."""
    return expired(f"too old resource version: {revision} ({store.revision})")
