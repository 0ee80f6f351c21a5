"""What happens to a real API server, and between it and the connector."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from simulators.pbs.timers import Timers

from .disturbances import Kind
from .downtime import Downtime
from .faulting_proxy import FaultingProxy
from .lasting import Lasting
from .real_api import RecordedKubernetes

# Seconds between two looks whether a server that is being started is ready.
_LOOK_SECONDS = 0.1


class RealAPIFaults:
    def __init__(self, server: RecordedKubernetes, proxy: FaultingProxy, timers: Timers, lasting: Lasting,
                 downtime: Downtime) -> None:
        self._server = server
        self._proxy = proxy
        self._timers = timers
        self._lasting = lasting
        self._downtime = downtime
        self._starting: threading.Thread | None = None
        self._failure: BaseException | None = None

    @property
    def struck(self) -> int:
        return self._proxy.struck

    def kinds(self) -> list[Kind]:
        # A start takes some 5 s, so it does not happen often.
        return [Kind(7, "kubernetes killed", self._killed), Kind(5, "kubernetes hangs", self._hangs),
                Kind(20, "network errs", self._network_errs), Kind(6, "connections reset", self._resets)]

    def _killed(self, dice: random.Random) -> str | None:
        seconds = dice.uniform(0, 3)
        if self._downtime.is_down("kubernetes"):
            return None
        self._downtime.begins("kubernetes")
        self._server.stop_api_server()
        self._lasting.lasts(seconds, self._start)
        return f"kube-apiserver is killed, and started after {seconds:.1f} s"

    def _start(self) -> None:
        self._starting = threading.Thread(target=self._start_in_thread, name="start of kube-apiserver")
        self._starting.start()
        self._await_start()

    def _start_in_thread(self) -> None:
        try:
            self._server.start_api_server()
        except BaseException as error:
            self._failure = error

    def _await_start(self) -> None:
        if self._starting is not None and self._starting.is_alive():
            self._timers.after(_LOOK_SECONDS, self._await_start)
        elif self._failure is not None:
            raise self._failure
        else:
            self._downtime.ends("kubernetes")

    def finish(self) -> None:
        """Waits for a start that is under way."""
        if self._starting is not None:
            self._starting.join()

    def _hangs(self, dice: random.Random) -> str | None:
        seconds = dice.uniform(0.1, 5)
        if not self._downtime.lasts("kubernetes", seconds, self._lasting, self._server.pause, self._server.resume):
            return None
        return f"kube-apiserver is stopped for {seconds:.1f} s"

    def _network_errs(self, dice: random.Random) -> str | None:
        seconds = dice.uniform(0.5, 4)
        delay, cuts = dice.uniform(0.05, 1), dice.choice((0.1, 0.3, 1.0))
        begin, end, words = dice.choice((
            (self._proxy.hang, self._proxy.flow, "hangs"),
            (lambda: self._set(refuses=True), lambda: self._set(refuses=False), "refuses connections"),
            (lambda: self._set(delay=delay), lambda: self._set(delay=0.0), f"is slow by {delay:.2f} s"),
            (lambda: self._set(cuts=cuts), lambda: self._set(cuts=0.0), f"cuts {cuts:.0%} of what the server sends"),
        ))
        return self._network(begin, end, words, seconds)

    def _network(self, begin: Callable[[], None], end: Callable[[], None], words: str, seconds: float) -> str | None:
        if not self._downtime.lasts("network", seconds, self._lasting, begin, end):
            return None
        return f"network {words}, for {seconds:.1f} s"

    def _set(self, refuses: bool = False, delay: float = 0.0, cuts: float = 0.0) -> None:
        self._proxy.refuses, self._proxy.delay, self._proxy.cuts = refuses, delay, cuts

    def _resets(self, _: random.Random) -> str:
        self._proxy.reset_all()
        return "all connections to kube-apiserver are reset"
