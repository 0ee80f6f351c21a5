"""Calls of libpbs that the real library and the stand-in must answer alike, and what is incidental in answers.

A call is a function with its arguments but for the connection; "{1}", "{2}" ... are the ids of the
jobs that the scenario's pbs_submit() calls made, in order. ("wait", "{1}", "R", 42) waits for a state.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .libpbs import EQ, GE, GT, LE, LT, NE

Call = tuple[Any, ...]


def job(name: str, *more: list[Any], hold: str = "u", program: str = "/bin/sleep", argument: str = "1000") -> list[list[Any]]:
    """A job's attributes as the connector gives them."""
    return [
        ["Job_Name", None, name], ["Resource_List", "select", "1:ncpus=1:mem=64mb"], ["Rerunable", None, "n"],
        ["Hold_Types", None, hold], ["Variable_List", None, "A=1,B=two\\,three,PBS_O_WORKDIR=/tmp"],
        ["Output_Path", None, "/dev/null"], ["Error_Path", None, "/dev/null"], ["executable", None, program],
        ["argument_list", None, f"<jsdl-hpcpa:Argument>{argument}</jsdl-hpcpa:Argument>"], *more]


def submit(attributes: list[list[Any]], queue: str | None = None, extend: str | None = None) -> Call:
    """A submission without a script."""
    return ("pbs_submit", attributes, None, queue, extend)


def named(name: str, op: int = EQ) -> list[Any]:
    """A criterion for jobs of this name."""
    return ["Job_Name", None, name, op]


STATE, NEEDED = ["job_state"], [["job_state"], ["substate"], ["exec_vnode"], ["comment"], ["run_count"]]

SCENARIOS: dict[str, list[Call]] = {
    "a held job": [
        submit(job("L1")), ("pbs_statjob", "{1}", None, None), ("pbs_statjob", "{1}", NEEDED, None),
        ("pbs_statjob", "{1}", [["Resource_List", "mem"], ["JOB_STATE"], ["job_state"]], None),
        ("pbs_statjob", "{1}", [["nosuch"]], None), ("pbs_selstat", [named("L1")], NEEDED, None),
        ("pbs_selstat", [named("L1")], [["nosuch"]], None), ("pbs_selstat", [named("Lnone")], [["nosuch"]], None),
        ("pbs_statjob", "{1}", [STATE], "E"), ("pbs_statjob", "{1},9999999", [STATE], None),
        ("pbs_deljob", "{1}", None), ("pbs_statjob", "{1}", [STATE], None), ("pbs_statjob", "{1}", NEEDED, "x"),
        ("pbs_selstat", [named("L1")], [STATE], None), ("pbs_selstat", [named("L1")], [STATE], "x"),
        ("pbs_deljob", "{1}", None), ("pbs_deljob", "{1}", "deletehist"), ("pbs_statjob", "{1}", [STATE], "x"),
    ],
    "a running job": [
        submit(job("L2", hold="n")), ("wait", "{1}", "R", 42), ("pbs_statjob", "{1}", None, None),
        ("pbs_selstat", [named("L2"), ["job_state", None, "R", EQ]], NEEDED, None), ("pbs_movejob", "{1}", "workq", None),
        ("pbs_sigjob", "{1}", "NOSUCH", None), ("pbs_sigjob", "{1}", "suspend", None), ("pbs_holdjob", "{1}", "u", None),
        ("pbs_statjob", "{1}", [["Hold_Types"], STATE], None), ("pbs_rlsjob", "{1}", "u", None),
        ("pbs_alterjob", "{1}", [["Resource_List", "select", "1:ncpus=2"]], None),
        ("pbs_deljob", "{1}", None), ("wait", "{1}", "F", 91), ("pbs_statjob", "{1}", None, "x"),
    ],
    "least attributes": [
        submit([["Hold_Types", None, "u"], ["executable", None, "/bin/sleep"],
                ["argument_list", None, "<jsdl-hpcpa:Argument>1000</jsdl-hpcpa:Argument>"]]),
        ("pbs_statjob", "{1}", None, None),
        submit(job("L3", ["Account_Name", None, "acct"], ["Priority", None, "7"], ["project", None, "proj"],
                   ["Resource_List", "walltime", "100"], ["Join_Path", None, "oe"], ["Keep_Files", None, "oe"],
                   ["Mail_Points", None, "n"], ["umask", None, "22"], ["Shell_Path_List", None, "/bin/bash"])),
        ("pbs_statjob", "{2}", None, None),
        submit(job("L3", ["Variable_List", None, "PBS_O_HOST=elsewhere,PBS_O_QUEUE=other"])),
        ("pbs_statjob", "{3}", [["Variable_List"], ["Submit_Host"]], None),
        submit(job("L3", argument="a &amp; b</jsdl-hpcpa:Argument><jsdl-hpcpa:Argument>&lt;c&gt;")),
        ("pbs_statjob", "{4}", [["argument_list"], ["executable"]], None),
        # Its output is not to be copied anywhere, which would take its time.
        submit([["executable", None, "/bin/sleep"], ["argument_list", None, "<jsdl-hpcpa:Argument>1000</jsdl-hpcpa:Argument>"],
                ["Output_Path", None, "/dev/null"], ["Error_Path", None, "/dev/null"]]),
        ("wait", "{5}", "R", 42), ("pbs_statjob", "{5}", [["Hold_Types"], ["Rerunable"], ["Variable_List"], ["Output_Path"]], None),
        ("pbs_deljob", "{5}", None), ("wait", "{5}", "F", 91),
    ],
    "selections": [
        submit(job("L4")), submit(job("L4", ["Account_Name", None, "acct"], ["Priority", None, "5"])), submit(job("L4x")),
        *[("pbs_selectjob", criteria, None) for criteria in (
            [named("L4")], [named("L4"), ["job_state", None, "H", EQ]], [named("L4"), ["job_state", None, "QR", EQ]],
            [named("L4"), ["job_state", None, "QR", NE]], [named("L4"), ["Account_Name", None, "acct", EQ]],
            [named("L4"), ["Account_Name", None, "acct", GE]], [named("L4"), ["Priority", None, "4", GT]],
            [named("L4"), ["Priority", None, "4", LE]], [named("L4"), ["Priority", None, "x", LE]],
            [named("L4"), ["destination", None, "workq", EQ]], [named("L4"), ["destination", None, "nosuch", EQ]],
            [named("L4"), ["Resource_List", "mem", "1mb", GT]], [named("L4"), ["Resource_List", "ncpus", "2", LT]],
            [named("L4"), ["Resource_List", "nosuch", "2", LT]], [named("L4"), ["Hold_Types", None, "u", EQ]],
            [named("L4"), ["Rerunable", None, "False", EQ]], [named("L4"), ["User_List", None, "{user}", EQ]],
            [named("L4"), ["User_List", None, "nobody", EQ]], [named("L4"), ["User_List", None, "{user}", 0]],
            [named("L4"), ["nosuch", None, "1", EQ]], [named("L4"), ["substate", None, "20", EQ]],
            [named("L4"), ["job_state", None, "Z", EQ]], [named("L4"), ["job_state", None, "H", 0]], [named("L4", NE), named("L4x")],
            [named("Lnone")])],
    ],
    "refused submissions": [
        submit(job("a/b")), submit(job("x" * 231)), submit(job("L5", ["nosuch", None, "1"])),
        submit(job("L5", ["Resource_List", "nosuch", "1"])), submit(job("L5", ["Resource_List", "walltime", "abc"])),
        submit(job("L5", ["Resource_List", None, "1"])), submit(job("L5", ["Priority", None, "3000"])),
        submit(job("L5", ["project", None, "a/b"])), submit(job("L5", ["comment", None, "x"])),
        submit(job("L5", ["job_state", None, "R"])), submit(job("L5"), "nosuch"), submit(job("L5", ["Resource_List", "mem", "1gb"])),
        submit(job("L5", hold="x")), submit(job("L5", ["Rerunable", None, "maybe"])), submit(job("L5", ["Output_Path", None, ""])),
        ("pbs_submit", job("L5"), "/nonexistent", None, None),
    ],
    "deleted while it runs": [
        submit(job("L8", hold="n")), submit(job("L8", hold="n")), ("wait", "{1}", "R", 42), ("wait", "{2}", "R", 42),
        ("pbs_deljoblist", ["9999999.{server}", "{1}"], None), ("pbs_deljoblist", ["{2}", "9999999.{server}"], None),
        ("wait", "{1}", "F", 91), ("wait", "{2}", "F", 91),
    ],
    "texts of earlier errors": [
        submit(job("L9")), submit(job("L9"), "nosuch"), ("pbs_deljob", "9999999", None), submit(job("a/b")),
        ("pbs_movejob", "{1}", "nosuch", None), ("pbs_movejob", "{1}", "workq", None), ("pbs_deljob", "9999999", None),
        ("pbs_statjob", "9999999", None, None), ("pbs_deljob", "9999999", None), submit(job("b/c")), ("pbs_statserver", [["nosuch"]], None),
        ("pbs_statserver", [["server_state"]], None), submit(job("c/d")), ("pbs_statjob", "{1}", [["job_state"]], None),
    ],
    "many at once": [
        submit(job("L6")), submit(job("L6")), submit(job("L6")),
        ("pbs_deljoblist", ["{1}", "{2}"], None), ("pbs_selstat", [named("L6")], [STATE], "x"),
        ("pbs_deljoblist", ["{1}"], None), ("pbs_deljoblist", ["9999998"], None), ("pbs_deljoblist", ["9999999.{server}", "{3}"], None),
        ("pbs_selectjob", [named("L6")], None),
    ],
    "altered and moved": [
        submit(job("L7")), ("pbs_alterjob", "{1}", [["Job_Name", None, "L7b"], ["Priority", None, "9"]], None),
        ("pbs_alterjob", "{1}", [["Resource_List", "walltime", "500"]], None), ("pbs_alterjob", "{1}", [["comment", None, "x"]], None),
        ("pbs_alterjob", "{1}", [["Account_Name", None, "other"]], None), ("pbs_alterjob", "{1}", [["nosuch", None, "1"]], None),
        ("pbs_alterjob", "{1}", [["Resource_List", "nosuch", "1"]], None), ("pbs_alterjob", "{1}", [["Rerunable", None, "y"]], None),
        ("pbs_statjob", "{1}", [["Job_Name"], ["Priority"], ["Resource_List"], ["Account_Name"], ["comment"], ["Rerunable"]], None),
        ("pbs_movejob", "{1}", "nosuch", None), ("pbs_movejob", "{1}", "workq", None), ("pbs_sigjob", "{1}", "SIGTERM", None),
        ("pbs_rlsjob", "{1}", "x", None), ("pbs_rlsjob", "{1}", "s", None), ("pbs_holdjob", "{1}", "s", None),
        ("pbs_holdjob", "{1}", "o", None), ("pbs_statjob", "{1}", [["Hold_Types"], ["comment"]], None),
    ],
    "unknown and malformed ids": [
        call for job_id in ("9999999.{server}", "9999999", "1.elsewhere", "", "nosuch") for call in (
            ("pbs_statjob", job_id or "9999999,9999998", [STATE], None), ("pbs_deljob", job_id, None),
            ("pbs_movejob", job_id, "workq", None), ("pbs_holdjob", job_id, None, None), ("pbs_rlsjob", job_id, None, None),
            ("pbs_sigjob", job_id, "SIGTERM", None), ("pbs_alterjob", job_id, [["Priority", None, "1"]], None))],
    "server, queues and hosts": [
        ("pbs_statserver", [["server_state"], ["pbs_version"], ["default_queue"]], None), ("pbs_statserver", [["nosuch"]], None),
        ("pbs_statque", "workq", [["queue_type"], ["enabled"], ["started"]], None), ("pbs_statque", "nosuch", None, None),
        ("pbs_statvnode", None, [["state"], ["Mom"], ["resources_available", "host"]], None),
        ("pbs_statvnode", "nosuch", None, None), ("pbs_statvnode", None, [["nosuch"]], None), ("pbs_statvnode", "node1", None, None),
        ("pbs_stathost", None, [["state"]], None), ("pbs_stathost", None, [["state"], ["resources_available"]], None),
        ("pbs_stathost", "nosuch", None, None), ("pbs_stathost", "node1", None, None),
    ],
    "history and extends": [
        ("pbs_selectjob", [named("Lnone")], "x"), ("pbs_selstat", [named("Lnone")], [STATE], "x"),
        ("pbs_statjob", "nosuch", [STATE], None), ("pbs_statjob", "@", [["nosuch"]], None),
    ],
}

# Values that differ from one run to the next.
_MOMENTS = frozenset({"ctime", "mtime", "qtime", "stime", "obittime", "etime", "history_timestamp", "session_id", "queue_rank",
                      "last_state_change_time", "last_used_time", "egroup", "license_count"})
_OF_A_HOST = frozenset({"mem", "vmem", "ncpus", "pcpus"})


def normal(answer: Any, jobs: list[str], server: str, user: str, home: str) -> Any:
    """An answer without what is incidental: ids are J1, J2 ..., the user is USER."""
    text = json.dumps(answer)
    for number, job_id in enumerate(jobs, 1):
        text = re.sub(rf"(?<![\w.]){re.escape(job_id)}\b", f"J{number}", text)
        text = re.sub(rf"(\.[eo]){job_id.split('.')[0]}\b", rf"\1J{number}", text)
    text = re.sub(rf"(?<![\w/.-]){re.escape(user)}\b", "USER", text)
    text = text.replace(f'"{home}"', '"HOME"')
    text = re.sub(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} +\d+ (at )?\d\d:\d\d(:\d\d \d{4})?", "DATE", text)
    return _without_moments(json.loads(text.replace(server, "SERVER")))


def _without_moments(answer: Any) -> Any:
    if not isinstance(answer, dict):
        return answer
    objects: dict[str, Any] = {}
    for name, attributes in answer.items():
        objects[name] = shown = []
        for attribute, resource, value in attributes:
            if attribute == "resources_available" and (resource or "").startswith("k8s_"):
                # What our own hooks have left there: MoM tells it again whenever the server starts.
                continue
            if attribute in _MOMENTS or attribute == "resources_used":
                value = "N"
            elif attribute == "pcpus" or (attribute in ("resources_available", "resources_assigned") and resource in _OF_A_HOST):
                value = "N"
            elif attribute == "exec_host":
                value = re.sub(r"/\d+", "/SLOT", value)
            if [attribute, resource, value] not in shown[-1:]:
                shown.append([attribute, resource, value])
    return objects
