"""The tables of qstat: one line a job, queue or server."""

from __future__ import annotations

from ..job import Job
from ..quantities import Size, parse_duration
from ..server import PBSServer, Queue

_BLANK = " -- "
_COMMENT_WIDTH = 74
_COMMENT_WIDTH_WIDE = 114
_LINE_LIMIT = 78


def jobs(server: PBSServer, jobs: list[Job], header: bool, wide: bool, percent: bool) -> str:
    """The default form (display_statjob())."""
    lines: list[str] = []
    used = " % done  " if percent else "Time Use "
    if header and wide:
        lines.append(f"Job id                         Name            User             {used}S Queue")
        lines.append("-----------------------------  --------------- ---------------  -------- - ---------------")
    elif header:
        lines.append(f"Job id            Name             User              {used}S Queue")
        lines.append("----------------  ---------------- ----------------  -------- - -----")
    for job in jobs:
        job_id = ".".join(job.id.split(".")[:2])
        shown = _percent(server, job) if percent else (job.used_cput[:8] if job.session_id is not None else "0")
        if wide:
            lines.append(f"{_cut(job_id, 30):<30} {_name(job.name, 15):<15} {_cut(job.owner, 15):<15}  "
                         f"{shown:>8} {job.state:>1} {_cut(job.queue, 15):<15}")
        else:
            lines.append(f"{_cut(job_id, 17):<17} {_name(job.name, 16):<16} {_cut(job.owner, 16):<16}  "
                         f"{shown:>8} {job.state:>1} {_cut(job.queue, 16):<16}")
    return "".join(f"{line}\n" for line in lines)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[:width - 1] + "*"


def _name(text: str, width: int) -> str:
    """A job name; one that just fills its column is cut as well, as in display_statjob()."""
    return text if len(text) < width else text[:width - 1] + "*"


def _percent(server: PBSServer, job: Job) -> str:
    """Walltime used of walltime asked for, in percent (percent_cal())."""
    limit = job.request.walltime
    if job.state in "QTW" or not limit or job.session_id is None:
        return "-- "
    return f"{parse_duration(server.used_walltime(job)) * 100 // limit:3d} "


def alternative(server: PBSServer, jobs: list[Job], header: bool, letters: set[str], wide: bool) -> str:
    """The form of -a, -s, -n, -u and their like (altdsp_statjob())."""
    out: list[str] = []
    if header:
        out.append(f"\n{server.name}: \n" + (_WIDE_HEADER if wide else _HEADER))
    for job in jobs:
        out.append(_alternative_line(server, job, letters, wide))
        out.append(" " if "1" in letters else "\n")
        if "n" in letters:
            out.append(_nodes(job, "1" in letters))
        if "s" in letters:
            comment = server.comment(job)
            out.append(f"   {_short_comment(_BLANK if comment is None else comment, wide)}\n")
    return "".join(out)


_HEADER = (f"{'':60}Req'd  Req'd   Elap\n"
           "Job ID          Username Queue    Jobname    SessID NDS TSK Memory Time  S Time\n"
           "--------------- -------- -------- ---------- ------ --- --- ------ ----- - -----\n")
_WIDE_HEADER = (f"{'':99}Req'd  Req'd   Elap\n"
                "Job ID                         Username        Queue           Jobname         SessID   NDS  TSK   "
                "Memory Time  S Time\n"
                "------------------------------ --------------- --------------- --------------- -------- ---- ----- "
                "------ ----- - -----\n")


def _alternative_line(server: PBSServer, job: Job, letters: set[str], wide: bool) -> str:
    listed = job.request.listed
    session = str(job.session_id) if job.session_id is not None else _BLANK
    tasks = listed["ncpus"] if listed.get("ncpus", "0") != "0" else _BLANK
    memory = _memory(listed["mem"], letters) if "mem" in listed else _BLANK
    asked = listed.get("cput", listed.get("walltime", _BLANK))
    if job.session_id is None:
        used = _BLANK
    else:
        used = job.used_cput if "cput" in listed else server.used_walltime(job)
    widths = (30, 15, 15, 15, 8, 4, 5) if wide else (15, 8, 8, 10, 6, 3, 3)
    texts = [text[:width] if text is _BLANK else _cut(text, width) for text, width in zip(
        (job.id, job.owner, job.queue, job.name, session, listed["nodect"], tasks), widths)]
    left = " ".join(f"{text:<{width}}" for text, width in zip(texts[:4], widths[:4]))
    right = " ".join(f"{text:>{width}}" for text, width in zip(texts[4:], widths[4:]))
    return f"{left} {right} {memory[:6]:>6} {asked[:5]:>5} {job.state:>1} {used[:5]:>5}"


def _memory(text: str, letters: set[str]) -> str:
    """A size for its narrow column (cnv_size()): -G in gb, -M in mw, else its own unit unless it is too long."""
    size = Size.parse(text)
    number, out = size.number, size.shift // 10
    wanted = 3 if "G" in letters else 2 if "M" in letters else out
    if wanted > out:
        number = (number + (1 << (wanted - out) * 10) - 1) >> (wanted - out) * 10
    elif wanted < out:
        number <<= (out - wanted) * 10
    unit = "b"
    if "M" in letters:
        number, unit = (number + 7) >> 3, "w"
    out = wanted
    while number > 9999:
        number = (number + 1023) >> 10
        out += 1
    return f"{number}{' kmgtp?'[out]}{unit}"


def _short_comment(comment: str, wide: bool) -> str:
    limit = _COMMENT_WIDTH_WIDE if wide else _COMMENT_WIDTH
    return comment if len(comment) <= limit else comment[:limit - 4] + "..."


def _nodes(job: Job, same_line: bool) -> str:
    """exec_host without domains, in lines of at most 77 characters (prt_nodes())."""
    hosts = job.exec_host
    if hosts is None:
        return f"{_BLANK}\n" if same_line else f"   {_BLANK}\n"
    lines: list[str] = []
    line = ""
    for part in hosts.split("+"):
        host, slash, rest = part.partition("/")
        text = host.split(".")[0] + slash + rest
        if line and len(line) + len(text) >= _LINE_LIMIT - 1:
            lines.append(line)
            line = ""
        line += text + "+"
    lines.append(line[:-1])
    return "".join(lines) + "\n" if same_line else "".join(f"   {text}\n" for text in lines)


def queues(server: PBSServer, queues: list[Queue]) -> str:
    """qstat -Q (display_statque())."""
    lines = ["Queue              Max   Tot Ena Str   Que   Run   Hld   Wat   Trn   Ext Type",
             "---------------- ----- ----- --- --- ----- ----- ----- ----- ----- ----- ----"]
    for queue in queues:
        count, total = _count(server, queue)
        lines.append(f"{_cut(queue.name, 16):<16} {0:>5} {total:>5} {_yes(queue.enabled):>3} {_yes(queue.started):>3} "
                     f"{count['Q']:>5} {count['R'] + count['S']:>5} {count['H']:>5} {count['W']:>5} {count['T']:>5} "
                     f"{count['E']:>5} {'Exe*':<4}")
    return "".join(f"{line}\n" for line in lines)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _count(server: PBSServer, queue: Queue | None) -> tuple[dict[str, int], int]:
    count = {state: len(jobs) if queue is None else sum(1 for job in jobs.values() if job.queue == queue.name)
             for state, jobs in server.by_state.items()}
    return count, sum(number for state, number in count.items() if state != "F")


def queue_limits(server: PBSServer, queues: list[Queue]) -> str:
    """qstat -q (altdsp_statque()); it cuts the server's name to seven letters."""
    out = [f"\nserver: {server.name[:7]}\n\n",
           "Queue            Memory CPU Time Walltime Node   Run   Que   Lm  State\n",
           "---------------- ------ -------- -------- ---- ----- ----- ----  -----\n"]
    running = queued = 0
    for queue in queues:
        count, _ = _count(server, queue)
        run, wait = count["R"] + count["S"], count["Q"] + count["H"] + count["W"]
        running, queued = running + run, queued + wait
        limits = f"{'--  ':>6} {'  --   ':>8} {'  --   ':>8} {'-- ':>4}"
        flags = f"{'E' if queue.enabled else 'D'} {'R' if queue.started else 'S'}"
        out.append(f"{queue.name:<16.16} {limits} {run:5d} {wait:5d} {'  --':>4}   {flags}\n")
    out.append("                                               ----- -----\n")
    out.append(f"                                               {running:5d} {queued:5d}\n")
    return "".join(out)


def servers(server: PBSServer) -> str:
    """qstat -B (display_statserver())."""
    count, _ = _count(server, None)
    return ("Server             Max   Tot   Que   Run   Hld   Wat   Trn   Ext Status\n"
            "---------------- ----- ----- ----- ----- ----- ----- ----- ----- -----------\n"
            f"{_cut(server.name, 16):<16} {0:>5} {len(server.jobs):>5} {count['Q']:>5} {count['R'] + count['S']:>5} "
            f"{count['H']:>5} {count['W']:>5} {count['T']:>5} {count['E']:>5} {'Active':<10}\n")
