"""PBS's administration command, and what it says the server has."""
import os
import re
import shutil
import subprocess
import sys
from typing import Dict, Optional

from .refusal import Refused

# Without these events the hooks do not do what they are for; a server that lacks others is told
# what is missing with it.
NEEDED_EVENTS = {"execjob_begin", "execjob_end", "exechost_periodic", "queuejob", "modifyjob", "runjob"}


def find_qmgr() -> str:
    """The qmgr command: in PATH, else in the PBS_EXEC of the environment or of pbs.conf."""
    found = shutil.which("qmgr")
    if found:
        return found
    exec_directory: Optional[str] = os.environ.get("PBS_EXEC")
    conf = os.environ.get("PBS_CONF_FILE", "/etc/pbs.conf")
    if not exec_directory and os.path.exists(conf):
        with open(conf, encoding="utf-8") as file:
            for line in file:
                if line.startswith("PBS_EXEC="):
                    exec_directory = line.split("=", 1)[1].strip()
    path = os.path.join(exec_directory or "/opt/pbs", "bin", "qmgr")
    if not os.path.exists(path):
        raise Refused("no qmgr in PATH, nor %s" % path)
    return path


def listed(qmgr: str, kind: str, which: str = "") -> Dict[str, Dict[str, str]]:
    """What the server has of a kind ("hook", "resource", "node" of "@default"), by name, with its attributes. qmgr
    writes "Hook NAME", then "    name = value" lines, and goes on with a long value after a tab."""
    found: Dict[str, Dict[str, str]] = {}
    attributes: Dict[str, str] = {}
    for line in run(qmgr, ("list %s %s" % (kind, which)).strip()).replace("\n\t", "").splitlines():
        if line.startswith(kind.capitalize() + " "):
            attributes = found.setdefault(line.split()[1], {})
        elif " = " in line:
            name, value = line.strip().split(" = ", 1)
            attributes[name] = value
    return found


def run(qmgr: str, directive: str) -> str:
    """The output of one qmgr directive; Refused where it fails."""
    result = subprocess.run([qmgr, "-c", directive], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if result.returncode != 0:
        lines = result.stderr.decode("utf-8", "replace").split("\n")
        reason = " ".join(line.strip() for line in lines if line.strip() and not line.startswith("Max open servers"))
        raise Refused("qmgr -c '%s': %s" % (directive, reason or "exit status %d" % result.returncode))
    return result.stdout.decode("utf-8", "replace")


def change(qmgr: str, directive: str) -> None:
    """Run a directive. Where it asks for events that this server does not have, without those:
    the server's error names all that it has."""
    try:
        run(qmgr, directive)
    except Refused as refused:
        known = re.search(r"Should be one or more of: ([a-z_,]+)", str(refused))
        wanted = re.fullmatch(r'(set hook \w+ event = )"([a-z_,]+)"', directive)
        if known is None or wanted is None:
            raise
        missing = [event for event in wanted.group(2).split(",") if event not in known.group(1).split(",")]
        if not missing or NEEDED_EVENTS.intersection(missing):
            raise
        left = [event for event in wanted.group(2).split(",") if event not in missing]
        run(qmgr, '%s"%s"' % (wanted.group(1), ",".join(left)))
        print("this PBS has no event %s: done without" % ", ".join(missing), file=sys.stderr)
