"""A simulator of PBS (OpenPBS 23.06.06): its server in this process, its commands as programs, its library.

    with PBSSimulator(directory, {"node1": {"ncpus": 2, "mem": "24684096kb"}}) as pbs:
        ...                                     # a program under test gets PBS_EXEC=directory
        pbs.wait(lambda p: p.jobs, 10, "a job")
        pbs.end_job("1")

What the commands print and the library answers is compared with recordings and, where there is one,
with a real PBS (Tests/simulators_tests). Not simulated: job arrays,
interactive jobs, reservations, hooks, routing queues, staging of files;
dependencies are kept and shown but hold nothing back.
"""

from .faults import Fault, FaultKind
from .job import Job, Substate
from .record import RecordEntry
from .simulator import BACKEND, PBSSimulator

__all__ = ["BACKEND", "Fault", "FaultKind", "Job", "PBSSimulator", "RecordEntry", "Substate"]
