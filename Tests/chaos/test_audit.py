"""The audit log says who deleted which pod object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chaos import audit
from simulators.kubernetes import Entry
from simulators.kubernetes.record import Kind

# Seconds between time.time() and time.monotonic() here.
OFFSET = 1_000_000.0
BINDER = "system:serviceaccount:pbs-connector:binder"


def event(key: str, second: float, stage: str, user: str = BINDER, name: str = "pod", code: int = 200) -> dict[str, Any]:
    """One line as kube-apiserver 1.20 writes it, at so many seconds after 1970-01-12T13:46:40Z, which is OFFSET."""
    timestamp = f"1970-01-12T13:46:{40 + second:09.6f}Z"
    found: dict[str, Any] = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": key, "stage": stage,
        "verb": "delete", "user": {"username": user}, "objectRef": {"resource": "pods", "namespace": "default", "name": name},
        "requestReceivedTimestamp": timestamp, "stageTimestamp": timestamp}
    if stage == "ResponseComplete":
        found["responseStatus"] = {"metadata": {}, "code": code}
    return found


def entry(second: float, kind: Kind, uid: str) -> Entry:
    return Entry(second, OFFSET + second, kind, "default", "pod", uid, "node1", {}, "")


def deleted(tmp_path: Path, *events: dict[str, Any], end: str = "") -> list[tuple[str, str, Any]]:
    """UID, user and moment of each deletion, of two pods of one name: one that lives from 1 to 5, one from 6 on."""
    log = tmp_path / "audit.log"
    log.write_text("".join(json.dumps(each) + "\n" for each in events) + end)
    record = [entry(1, "created", "old"), entry(5, "gone", "old"), entry(6, "created", "new")]
    return [(found.uid, found.user, pytest.approx(found.monotonic, abs=1e-6))
            for found in audit.entries(audit.deletions([log, tmp_path / "missing.log"]), record, [BINDER], OFFSET)]


def test_a_deletion_is_of_the_pod_that_had_the_name_then(tmp_path: Path) -> None:
    assert deleted(tmp_path, event("a", 4, "RequestReceived"), event("a", 4.2, "ResponseComplete"),
                   event("b", 7, "RequestReceived"), event("b", 7.1, "ResponseComplete")) == [
        ("old", BINDER, 4), ("new", BINDER, 7)]


def test_a_deletion_that_was_refused_is_none(tmp_path: Path) -> None:
    assert deleted(tmp_path, event("a", 4, "RequestReceived"), event("a", 4.2, "ResponseComplete", code=409)) == []


def test_a_deletion_that_was_never_answered_counts(tmp_path: Path) -> None:
    assert deleted(tmp_path, event("a", 4, "RequestReceived"), end='{"kind": "Ev') == [("old", BINDER, 4)]


def test_others_deletions_are_not_asked_for(tmp_path: Path) -> None:
    assert deleted(tmp_path, event("a", 4, "RequestReceived", user="admin"), event("a", 4.2, "ResponseComplete", user="admin"),
                   event("b", 4, "RequestReceived", name="another"), event("b", 4.2, "ResponseComplete", name="another")) == []


def test_a_line_broken_in_the_middle_of_the_log_is_an_error(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text('{"kind": "Ev\n' + json.dumps(event("a", 4, "RequestReceived")) + "\n")
    with pytest.raises(ValueError):
        audit.deletions([log])
