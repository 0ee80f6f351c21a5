"""A Kubernetes API server for tests: pods, nodes, events, leases, bindings, watches, and faults on request."""

from .access import Tokens, User
from .errors import APIError
from .faults import (CloseWatch, Cut, Delay, Fault, Gone, LoseAnswer, Proxy, Reset, SilenceWatch, Status, TooManyRequests)
from .kubelet import EXIT_CODE, FINISH_AFTER, Kubelet
from .record import Entry
from .replica_set import ReplicaSet
from .simulator import KubernetesSimulator

__all__ = [
    "APIError", "CloseWatch", "Cut", "Delay", "EXIT_CODE", "Entry", "FINISH_AFTER", "Fault", "Gone", "Kubelet",
    "KubernetesSimulator", "LoseAnswer", "Proxy", "ReplicaSet", "Reset", "SilenceWatch", "Status", "Tokens", "TooManyRequests", "User",
]
