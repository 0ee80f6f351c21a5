"""How fast kube-watcher's socket tells of many pods, to one reader and to ten."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from integration.connector import Connector
from integration.peer import frame

from .results import Results
from .site import BenchSite, now

SYNCED = b'"synced"'


def read_snapshot(path: Path) -> tuple[int, int, float]:
    """Reads as an observer up to `synced`. Returns frames, octets, and the moment of the end; nothing is decoded."""
    frames = octets = 0
    tail = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(120)
        connection.connect(str(path))
        connection.sendall(frame({"type": "hello", "protocol": 1, "role": "observer", "instance": "bench"}))
        while SYNCED not in tail:
            piece = connection.recv(1 << 20)
            if not piece:
                raise SystemExit(f"bench: {path} closed before synced")
            frames += piece.count(b"\n")
            octets += len(piece)
            tail = tail[-len(SYNCED):] + piece
    return frames, octets, now()


def wait_synced(path: Path) -> float:
    """The moment at which kube-watcher has told all it knows."""
    while True:
        try:
            return read_snapshot(path)[2]
        except (FileNotFoundError, ConnectionRefusedError):
            continue


def measure(site: BenchSite, results: Results, count: int) -> None:
    results.title(f"kube-watcher's socket, a snapshot of {count} pods")
    site.client.create("frames", count, "pbs")
    kubeconfig = site.kubernetes.write_kubeconfig(site.directory / "kubeconfig")
    connector = Connector(site.directory, {"kube-watcher": kubeconfig}, site.directory, log_level="warning")
    try:
        connector.start("kube-watcher")
        socket_path = connector.socket("kube-watcher")
        wait_synced(socket_path)
        one = None
        for readers in (1, 10):
            started = now()
            with ThreadPoolExecutor(readers) as pool:
                read = list(pool.map(read_snapshot, [socket_path] * readers))
            seconds = max(end for _, _, end in read) - started
            to = results.add(f"frames, readers: {readers}", sum(frames for frames, _, _ in read) / seconds, "frames/s", "higher", one)
            results.add(f"octets, readers: {readers}", sum(octets for _, octets, _ in read) / seconds / 1e6, "MB/s", "higher")
            one = one or to
    finally:
        connector.close()
    site.client.delete("frames", count)
