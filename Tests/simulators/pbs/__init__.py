"""A simulator of PBS (OpenPBS 23.06.06): its server in this process, its commands as programs."""

from .faults import Fault, FaultKind
from .job import Job, Substate
from .record import RecordEntry
from .simulator import PBSSimulator

__all__ = ["Fault", "FaultKind", "Job", "PBSSimulator", "RecordEntry", "Substate"]
