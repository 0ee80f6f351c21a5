"""Objects, resourceVersions and the history that watches read: the part that etcd and the watch cache play.

A stored object is never changed: a write puts a new one in its place. Watch
events, pages of a list and answers therefore share objects and their encoded
bytes instead of copying them.
"""

from __future__ import annotations

import json
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .errors import expired

Object = dict[str, Any]
EventType = Literal["ADDED", "MODIFIED", "DELETED"]

# Watch events kept for one resource; the real watch cache keeps between 100 and
# 102,400, by its load (apiserver/pkg/storage/cacher/watch_cache.go).
HISTORY_SIZE = 20_000
# Consistent lists kept for the pages that follow the first one.
SNAPSHOTS = 32


def encode(value: Any) -> bytes:
    """Compact JSON, as the API server writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class Stored:
    """One object at one resourceVersion, without kind and apiVersion, which depend on the group that serves it."""

    __slots__ = ("key", "data", "revision", "_encoded")

    def __init__(self, key: str, data: Object, revision: int) -> None:
        self.key = key
        self.data = data
        self.revision = revision
        self._encoded: bytes | None = None

    @property
    def encoded(self) -> bytes:
        """The JSON as an item of a list: no kind, no apiVersion."""
        if self._encoded is None:
            self._encoded = encode(self.data)
        return self._encoded


@dataclass(frozen=True, slots=True)
class Change:
    """One watch event before a watch's selector has looked at it."""

    resource: str
    type: EventType
    stored: Stored
    previous: Stored | None
    user: str

    @property
    def revision(self) -> int:
        return self.stored.revision


class Table:
    """All objects of one resource by key (`namespace/name`, or `name`)."""

    def __init__(self, revision: int) -> None:
        self.objects: dict[str, Stored] = {}
        self.history: deque[Change] = deque(maxlen=HISTORY_SIZE)
        # Watches may start at this resourceVersion or later, not earlier.
        self.oldest_revision = revision
        self.revision = revision
        self._sorted: list[str] | None = []

    def sorted_keys(self) -> list[str]:
        if self._sorted is None:
            self._sorted = sorted(self.objects)
        return self._sorted

    def append(self, change: Change) -> None:
        if len(self.history) == self.history.maxlen:
            self.oldest_revision = self.history[0].revision
        self.history.append(change)
        self.revision = change.revision

    def put(self, stored: Stored) -> None:
        if stored.key not in self.objects:
            self._sorted = None
        self.objects[stored.key] = stored

    def remove(self, key: str) -> None:
        del self.objects[key]
        self._sorted = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A consistent list: every object of a resource at one resourceVersion, in the order of the keys."""

    revision: int
    keys: list[str]
    objects: dict[str, Stored]


@dataclass(frozen=True, slots=True)
class Backup:
    """All objects at one resourceVersion."""

    revision: int
    objects: dict[str, dict[str, Stored]]


class Store:
    """The only state of the simulator. `changed` (a condition with the store's lock) is notified by every write."""

    def __init__(self, resources: list[str]) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.revision = 1
        self.listeners: list[Callable[[Change], None]] = []
        self._tables = {name: Table(self.revision) for name in resources}
        self._snapshots: dict[tuple[str, int], Snapshot] = {}

    def table(self, resource: str) -> Table:
        return self._tables[resource]

    def get(self, resource: str, key: str) -> Stored | None:
        return self._tables[resource].objects.get(key)

    def write(self, resource: str, key: str, data: Object, user: str) -> Stored:
        """Create or replace an object; `data` belongs to the store from here on."""
        with self.lock:
            table = self._tables[resource]
            previous = table.objects.get(key)
            stored = self._next(key, data)
            table.put(stored)
            self._publish(table, Change(resource, "MODIFIED" if previous else "ADDED", stored, previous, user))
            return stored

    def delete(self, resource: str, key: str, user: str) -> Stored:
        """Remove an object; the DELETED event carries its last state with a resourceVersion of its own."""
        with self.lock:
            table = self._tables[resource]
            previous = table.objects[key]
            stored = self._next(key, previous.data)
            table.remove(key)
            self._publish(table, Change(resource, "DELETED", stored, previous, user))
            return stored

    def _next(self, key: str, data: Object) -> Stored:
        self.revision += 1
        metadata = {**data["metadata"], "resourceVersion": str(self.revision)}
        return Stored(key, {**data, "metadata": metadata}, self.revision)

    def _publish(self, table: Table, change: Change) -> None:
        table.append(change)
        for listener in self.listeners:
            listener(change)
        self.changed.notify_all()

    def since(self, resource: str, revision: int) -> list[Change]:
        """What happened after a resourceVersion; 410 where the history no longer reaches back to it."""
        with self.lock:
            table = self._tables[resource]
            if revision < table.oldest_revision:
                raise expired(f"too old resource version: {revision} ({table.oldest_revision})")
            newer: list[Change] = []
            for change in reversed(table.history):
                if change.revision <= revision:
                    break
                newer.append(change)
            newer.reverse()
            return newer

    def snapshot(self, resource: str) -> Snapshot:
        """The present state as a consistent list."""
        with self.lock:
            table = self._tables[resource]
            return Snapshot(self.revision, table.sorted_keys(), table.objects)

    def keep(self, resource: str, snapshot: Snapshot) -> None:
        """Hold a snapshot for the pages that follow; the oldest one is given up."""
        with self.lock:
            copy = Snapshot(snapshot.revision, list(snapshot.keys), dict(snapshot.objects))
            self._snapshots.setdefault((resource, snapshot.revision), copy)
            while len(self._snapshots) > SNAPSHOTS:
                del self._snapshots[next(iter(self._snapshots))]

    def kept(self, resource: str, revision: int) -> Snapshot | None:
        with self.lock:
            return self._snapshots.get((resource, revision))

    def backup(self) -> Backup:
        """What a backup of etcd holds: the objects and the resourceVersion of now."""
        with self.lock:
            return Backup(self.revision, {name: dict(table.objects) for name, table in self._tables.items()})

    def restore(self, backup: Backup) -> None:
        """Put a backup in the place of everything: resourceVersions go back, and what came later never was."""
        with self.lock:
            self.revision = backup.revision
            self._snapshots.clear()
            for name, objects in backup.objects.items():
                table = self._tables[name] = Table(backup.revision)
                for stored in objects.values():
                    table.put(stored)

    def compact(self) -> None:
        """Forget all older resourceVersions, for watches and for pages of lists."""
        with self.lock:
            self._snapshots.clear()
            for table in self._tables.values():
                table.history.clear()
                table.oldest_revision = self.revision


def keys_after(keys: list[str], start: str) -> int:
    """The index of the first key behind `start`, a key that a page has ended with."""
    return bisect_right(keys, start)
