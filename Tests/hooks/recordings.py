"""What hook events of a real PBS carry (OpenPBS 23.06.06), one JSON object a line."""
import json
from pathlib import Path
from typing import Any, Dict, List


from hooks.pbs_stand_in import Job

HOOK_EVENTS = Path(__file__).resolve().parents[1] / "recordings" / "pbs" / "hook-events.jsonl"
# With the resources k8s_pod and k8s_token: a pod's job from submission to end, altered, moved,
# suspended and deleted; and a job whose variables and account hold lines like PBS's own. While
# that one ran, exechost_periodic came without a list of jobs.
RECORDED = Path(__file__).resolve().parent / "recorded"
PROOF_EVENTS = RECORDED / "proof-events.jsonl"



def recorded(event: str, host: str = "", job_id: str = "") -> Dict[str, Any]:
    """The one recorded event of this name, on this host, for this job."""
    found = [entry for entry in recorded_events() if entry["event"] == event
             and host in ("", entry["host"]) and job_id in ("", entry["id"])]
    assert found, "no recorded %s" % event
    return found[0]


def recorded_events() -> List[Dict[str, Any]]:
    """All recorded events, in order."""
    return [json.loads(line) for line in HOOK_EVENTS.read_text().splitlines()]


def proof_events(event: str, job_name: str = "hkpod") -> List[Dict[str, Any]]:
    """The events of this name of the pod's job (hkpod) or of the forging one (hkforge)."""
    entries = [json.loads(line) for line in PROOF_EVENTS.read_text().splitlines()]
    found = [entry for entry in entries if entry["event"] == event
             and (entry["Job_Name"] or entry.get("job_o", {}).get("Job_Name")) == job_name]
    assert found, "no recorded %s of %s" % (event, job_name)
    return found


def recorded_job(entry: Dict[str, Any], **changes: Any) -> Job:
    """The job that an event carried, with attributes changed."""
    return Job(entry["id"], dict(entry, **changes))
