"""What is written to a part of etcd, one write after the other, while its API server comes and goes.

By etcd's gRPC gateway (etcd documentation, "gRPC gateway"). Unlike a watch of
the API server it outlives that server, and misses nothing.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
# Called with the key, the object before and the object after; None where there is none.
Listener = Callable[[str, "Object | None", "Object | None"], None]


class EtcdWatch:
    """Watches all keys that begin with `prefix`, whose values are objects of the API as JSON, in a thread of its own."""

    def __init__(self, port: int, prefix: str, listener: Listener) -> None:
        self._prefix = prefix
        self._listener = listener
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        # The key after all those that begin with the prefix.
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        request = {"create_request": {"key": _encoded(prefix), "range_end": _encoded(end), "prev_kv": True}}
        self._connection.request("POST", "/v3/watch", json.dumps(request))
        self._response = self._connection.getresponse()
        if self._response.status != 200 or not json.loads(self._response.readline())["result"].get("created"):
            raise RuntimeError(f"etcd does not watch {prefix}: status {self._response.status}")
        self._is_closed = False
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._follow, name=f"watch of {prefix}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the watch; call it once etcd has ended, which alone ends a watch that waits."""
        self._is_closed = True
        self._thread.join()
        self._connection.close()

    def _follow(self) -> None:
        try:
            while line := self._response.readline():
                for event in json.loads(line)["result"].get("events", ()):
                    after = None if event.get("type") == "DELETE" else _object(event["kv"])
                    before = _object(event["prev_kv"]) if "prev_kv" in event else None
                    self._listener(base64.b64decode(event["kv"]["key"]).decode(), before, after)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            # Expected at the end; before, whoever relies on this watch has to learn of it.
            self.failure = error


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _object(pair: Object) -> Object:
    value: Object = json.loads(base64.b64decode(pair["value"]))
    # Not stored: the API server takes it from etcd as well.
    value["metadata"]["resourceVersion"] = pair["mod_revision"]
    return value
