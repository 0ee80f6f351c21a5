"""Tells when something in a Kubernetes cluster has changed, by a list and a watch of each resource."""

from __future__ import annotations

import http.client
import json
import threading

from .kubernetes_client import KubernetesClient, KubernetesError

# How long to leave a server alone that has just ended a watch or refused a connection, in seconds.
RETRY_SECONDS = 0.1

# That something changed is all that is asked for, so the server need not send all of it.
LIST_OF_METADATA = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
WATCH_OF_METADATA = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}


class Changes:
    """Counts the changes of some resources of one cluster, across restarts of its server."""

    def __init__(self, client: KubernetesClient, paths: list[str]) -> None:
        """`paths` are the collections to watch, such as /api/v1/pods."""
        self._client = client
        self._condition = threading.Condition()
        self._count = 0
        self._not_listed = set(paths)
        self._last_error: Exception | None = None
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._follow, args=(path,), daemon=True) for path in paths]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends the watches; call it once the server is gone, since only that ends a watch that waits."""
        self._closed.set()
        for thread in self._threads:
            thread.join()

    def count(self, timeout: float) -> int:
        """The changes so far, counted from the moment when all resources were first listed."""
        with self._condition:
            if not self._condition.wait_for(lambda: not self._not_listed, timeout):
                raise TimeoutError(f"the API server did not list {sorted(self._not_listed)}"
                                   f" in {timeout} s: {self._last_error}")
            return self._count

    def wait_for_more_than(self, count: int, timeout: float) -> bool:
        """Waits until there were more changes than `count`; False when there were none in `timeout` seconds."""
        with self._condition:
            return self._condition.wait_for(lambda: self._count > count, timeout)

    def _changed(self, path: str) -> None:
        with self._condition:
            self._not_listed.discard(path)
            self._count += 1
            self._condition.notify_all()

    def _follow(self, path: str) -> None:
        while not self._closed.is_set():
            try:
                answer = self._client.request("GET", f"{path}?limit=1", headers=LIST_OF_METADATA)
                if answer.status >= 400:
                    raise KubernetesError("GET", path, answer)
                self._changed(path)
                version = json.loads(answer.body)["metadata"]["resourceVersion"]
                for _ in self._client.watch_lines(path, WATCH_OF_METADATA, resourceVersion=version):
                    self._changed(path)
            except (OSError, http.client.HTTPException, KubernetesError) as error:
                # The server is stopped, restarting or paused: whoever waits has a time limit, and says this.
                self._last_error = error
            self._closed.wait(RETRY_SECONDS)
