"""A job of a real PBS, with what the tests ask of the simulator's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable

from simulators.pbs.job import split_variables
from simulators.pbs.quantities import parse_duration


@dataclass
class Request:
    """What a job asks for: Resource_List."""

    listed: dict[str, str]

    @property
    def walltime(self) -> int | None:
        """Seconds"""
        return parse_duration(self.listed["walltime"]) if "walltime" in self.listed else None


@dataclass(eq=False)
class SiteJob:
    """A job as it was when it was looked at; two of the same id are equal."""

    id: str
    attributes: dict[str, str]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SiteJob) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def name(self) -> str:
        return self.attributes["Job_Name"]

    @property
    def owner(self) -> str:
        return self.attributes["Job_Owner"]

    @property
    def state(self) -> str:
        return self.attributes["job_state"]

    @property
    def substate(self) -> int:
        return int(self.attributes["substate"])

    @property
    def live(self) -> bool:
        """Whether the job is still ahead of its end (not in the history)."""
        return self.state not in ("F", "M")

    @property
    def exec_vnode(self) -> str | None:
        return self.attributes.get("exec_vnode")

    @property
    def rerunable(self) -> bool:
        return self.attributes["Rerunable"] == "True"

    @property
    def hosts(self) -> list[str]:
        """The hosts of the job, the first one first, each once."""
        chunks = self.attributes.get("exec_host", "").split("+")
        return list(dict.fromkeys(chunk.split("/")[0] for chunk in chunks if chunk))

    @property
    def request(self) -> Request:
        prefix = "Resource_List."
        return Request({name.removeprefix(prefix): value for name, value in self.attributes.items() if name.startswith(prefix)})

    def variable(self, name: str) -> str | None:
        """One variable of Variable_List, or None."""
        items = split_variables(self.attributes.get("Variable_List", ""))
        return next((item.partition("=")[2] for item in items if item.partition("=")[0] == name), None)

    @property
    def pod_uid(self) -> str | None:
        return self.variable("KUBERNETES_POD_UID")


def parse_jobs(text: str) -> Iterable[SiteJob]:
    """The jobs of `qstat -f -w`: "Job Id: ID", then a line for each attribute, then an empty one."""
    for block in text.split("\n\n"):
        head, *lines = block.strip("\n").split("\n")
        if head.startswith("Job Id: "):
            pairs = (line.strip().partition(" = ") for line in lines)
            yield SiteJob(head.removeprefix("Job Id: "), {name: value for name, _, value in pairs})
