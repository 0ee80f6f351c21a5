"""The kubelets of a real cluster, played by the test."""

from __future__ import annotations

import http.client
import threading
import time

from simulators.kubernetes import APIError

from .api import Object
from .real_api import RealAPI


class PlayedKubelets:
    """All kubelets of a real cluster: bound pods run after `start_delay`, Terminating ones go after `stop_delay` seconds.

    Works level by level: looks at all pods whenever one has changed, and does what is due, until the server lets it.
    """

    # Seconds after which a server that is away is asked again.
    _RETRY_SECONDS = 0.2

    def __init__(self, api: RealAPI, start_delay: float, stop_delay: float) -> None:
        self._api = api
        self._delays = {"start": start_delay, "stop": stop_delay}
        # When what is due for a pod (its UID) was seen to be necessary; time.monotonic().
        self._due: dict[tuple[str, str], float] = {}
        self._is_closed = False
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="kubelets", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closed = True
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._is_closed:
                self._pass()
        except Exception as error:
            # For the run to find: without kubelets nothing would end.
            self.failure = error

    def _pass(self) -> None:
        seen, now = len(self._api.record), time.monotonic()
        wanted = {(what, pod["metadata"]["uid"]): pod for pod in self._api.pods() if (what := self._wanted(pod)) is not None}
        self._due = {key: self._due.get(key, now + self._delays[key[0]]) for key in wanted}
        for key, moment in self._due.items():
            if moment <= now:
                self._act(key, wanted[key])
        next_one = min(self._due.values(), default=now + 1.0)
        try:
            self._api.wait(lambda api: len(api.record) > seen or self._is_closed,
                           max(0.02, min(next_one - time.monotonic(), 0.5)))
        except TimeoutError:
            pass  # Something is due, or a node may have returned.

    def _wanted(self, pod: Object) -> str | None:
        node = pod["spec"].get("nodeName")
        if node is None or node in self._api.silent:
            return None
        if pod["metadata"].get("deletionTimestamp"):
            return "stop"
        return "start" if pod["status"]["phase"] == "Pending" else None

    def _act(self, key: tuple[str, str], pod: Object) -> None:
        try:
            if key[0] == "start":
                self._api.start_pod(pod)
            else:
                self._api.remove_pod(pod)
        except APIError as error:
            # 404: it is gone already, as the record is about to say. 409: it has just changed.
            if error.code not in (404, 409, 429) and error.code < 500:
                raise
            self._due[key] = time.monotonic() + self._RETRY_SECONDS
        except (OSError, http.client.HTTPException):
            self._due[key] = time.monotonic() + self._RETRY_SECONDS
        else:
            # Should it have missed (a server killed in the middle), it is tried again.
            self._due[key] = time.monotonic() + 1.0
