"""How one request sees stored objects: as they are, as events.k8s.io, or as rows of a Table."""

from __future__ import annotations

from typing import Any

from . import events, tables
from .release import Release
from .resources import EVENTS_V1, Resource
from .store import Stored, encode

Object = dict[str, Any]


class View:
    """Objects under the group, version and kind of one resource."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self._head = f'{{"kind":"{resource.kind}","apiVersion":"{resource.api_version}",'.encode()

    def data(self, stored: Stored) -> Object:
        """What selectors look at."""
        return stored.data if self.resource is not EVENTS_V1 else events.from_core(stored.data, self.resource)

    def item(self, stored: Stored) -> bytes:
        """An item of a list: without kind and apiVersion."""
        return stored.encoded if self.resource is not EVENTS_V1 else encode(self.data(stored))

    def object(self, stored: Stored) -> bytes:
        """The object as the answer to a request for it, or in a watch event."""
        return self._head + self.item(stored)[1:]

    def list(self, items: list[Stored], metadata: Object) -> bytes:
        head = (f'{{"kind":"{self.resource.kind}List","apiVersion":"{self.resource.api_version}","metadata":'.encode()
                + encode(metadata) + b',"items":[')
        return head + b",".join(map(self.item, items)) + b"]}"


class TableView(View):
    """Objects as a Table; in a watch only the first event names the columns."""

    def __init__(self, resource: Resource, include_object: str, release: Release) -> None:
        super().__init__(resource)
        self._include_object = include_object
        self._printer = tables.printer(resource.stored_as, release)
        self._columns: list[Object] | None = self._printer.definitions()

    def _row(self, stored: Stored) -> Object:
        kind = {"kind": self.resource.kind, "apiVersion": self.resource.api_version}
        return tables.row(self._printer.cells(stored.data), stored.data, self._include_object, kind)

    def object(self, stored: Stored) -> bytes:
        columns, self._columns = self._columns, None
        return encode(tables.table(columns, [self._row(stored)], {"resourceVersion": str(stored.revision)}))

    def list(self, items: list[Stored], metadata: Object) -> bytes:
        return encode(tables.table(self._columns, [self._row(stored) for stored in items], metadata))


def for_request(resource: Resource, accept: str, include_object: str, release: Release) -> View:
    """The view that the first acceptable media type of an Accept header asks for."""
    for media_type in accept.split(","):
        parameters = dict(part.strip().partition("=")[::2] for part in media_type.split(";")[1:])
        if parameters.get("as") == "Table" and parameters.get("g") == "meta.k8s.io" and parameters.get("v") == "v1":
            return TableView(resource, include_object, release)
        if media_type.split(";")[0].strip() in ("application/json", "*/*") and "as" not in parameters:
            break
    return View(resource)
