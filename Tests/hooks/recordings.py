"""What hook events of a real PBS carry (OpenPBS 23.06.06), one JSON object a line."""
import json
from pathlib import Path
from typing import Any, Dict, List

from hooks.pbs_stand_in import Job

HOOK_EVENTS = Path(__file__).resolve().parents[1] / "recordings" / "pbs" / "hook-events.jsonl"


def recorded(event: str, host: str = "", job_id: str = "") -> Dict[str, Any]:
    """The one recorded event of this name, on this host, for this job."""
    found = [entry for entry in recorded_events() if entry["event"] == event
             and host in ("", entry["host"]) and job_id in ("", entry["id"])]
    assert found, "no recorded %s" % event
    return found[0]


def recorded_events() -> List[Dict[str, Any]]:
    """All recorded events, in order."""
    return [json.loads(line) for line in HOOK_EVENTS.read_text().splitlines()]


def recorded_job(entry: Dict[str, Any], **changes: Any) -> Job:
    """The job that an event carried, with attributes changed."""
    return Job(entry["id"], dict(entry, **changes))
