"""Inputs to begin with from the recordings of real servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterator

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"


def recorded_seeds(target: str) -> dict[str, bytes]:
    """Inputs by name; none where nothing of this kind is recorded."""
    if target == "qstat":
        # The first octet says where the output is cut off: 255, at its end.
        return {path.name: b"\xff" + _output(path) for path in _pbs("qstat-f-text.txt", "qstat-finished-*.txt", "qstat-express-*.txt", "qstat-table.txt", "pbsnodes-*node*.txt")}
    if target == "job-ids":
        return {path.name: _output(path) for path in _pbs("qselect-*.txt", "qsub-*.txt")}
    if target == "pod":
        return {f"pod-{index}": _compact(pod) for index, pod in enumerate(_pods())}
    if target == "watcher-message":
        return {f"pod-{index}": _compact({"type": "pod", "pod": pod}) for index, pod in enumerate(_pods())}
    if target == "watch":
        # The first octet says how long the pieces are.
        return {f"{path.parent.name}-{path.name}": b"\x7f" + b"\n".join(_compact(answer) for answer in _answers(path)) + b"\n"
                for path in _kubernetes()}
    return {}


def _pbs(*patterns: str) -> list[Path]:
    return [path for pattern in patterns for path in sorted((RECORDINGS / "pbs").glob(pattern))]


def _kubernetes() -> list[Path]:
    return sorted((RECORDINGS / "kube").glob("*/*.txt"))


def _output(path: Path) -> bytes:
    """A recording without the command line before the output and the exit status after it."""
    lines = path.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith((b"$ ", b"exit: ")))


def _answers(path: Path) -> Iterator[dict[str, Any]]:
    """Every JSON object that the API server sent: it stands on a line of its own."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                continue  # A recording may show the beginning of a long answer only.


def _pods() -> list[dict[str, Any]]:
    """The pods of all answers, each once."""
    pods: dict[bytes, dict[str, Any]] = {}
    for path in _kubernetes():
        for answer in _answers(path):
            for candidate in [answer, answer.get("object"), *(answer.get("items") or [])]:
                if isinstance(candidate, dict) and isinstance(candidate.get("spec"), dict) and "containers" in candidate["spec"]:
                    pods[_compact(candidate)] = candidate
    return list(pods.values())


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
