"""Answers without end are cut off, with a clear line, and fill nobody's memory."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from integration.connector import Connector
from integration.endless_api import EndlessAPI, Handler, begin_stream, send

Query = dict[str, list[str]]
# Peak memory of a kube-watcher that has read one line at the limit (8 MiB), in several copies.
MOST_MEMORY = 200 << 20


def endless_line(request: BaseHTTPRequestHandler, query: Query) -> None:
    """A watch whose first line never ends."""
    if "watch" not in query:
        send(request, {"metadata": {"resourceVersion": "1"}, "items": []})
        return
    begin_stream(request)
    request.wfile.write(b'{"type":"ADDED","object":{"metadata":{"name":"')
    while True:
        request.wfile.write(b"a" * 65536)


def page(version: str, token: str) -> dict[str, object]:
    return {"metadata": {"resourceVersion": version, "continue": token}, "items": []}


def same_page_again(request: BaseHTTPRequestHandler, query: Query) -> None:
    send(request, page("1", "again"))


def other_pages_for_ever(request: BaseHTTPRequestHandler, query: Query) -> None:
    send(request, page("1", str(int(query.get("continue", ["0"])[0]) + 1)))


def pages_of_two_servers(request: BaseHTTPRequestHandler, query: Query) -> None:
    send(request, page("9", "next") if "continue" not in query else page("4", ""))


def peak_memory(pid: int) -> int:
    """VmHWM of proc(5), in octets."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


@pytest.mark.parametrize(("answer", "line"), [
    (endless_line, "a line is over the limit of 8388608 octets; listing again"),
    (same_page_again, "the list goes on with the same page again; trying again"),
    (other_pages_for_ever, "the list is over the limit of 800 pages; trying again"),
    (pages_of_two_servers, "the list's pages are of different resourceVersions, 9 and 4; trying again"),
], ids=["a line", "the same page", "other pages", "pages of two versions"])
def test_an_answer_without_end_is_cut_off(tmp_path: Path, answer: Handler, line: str) -> None:
    with EndlessAPI({"/api/v1/pods": answer}) as api:
        kubeconfig = tmp_path / "kubeconfig"
        api.write_kubeconfig(kubeconfig)
        connector = Connector(tmp_path, {"kube-watcher": kubeconfig}, tmp_path)
        try:
            watcher = connector.start_process("kube-watcher")
            watcher.wait_for_log(line, 30)
            watcher.wait_for_log(line, 30, after=len(watcher.lines))
            assert peak_memory(watcher.pid) < MOST_MEMORY
        finally:
            print(connector.logs())
            connector.close()
