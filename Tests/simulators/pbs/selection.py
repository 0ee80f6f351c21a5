"""What a job asks for: -l resources, the select statement with its chunks, and place.

Source: OpenPBS src/lib/Libattr (resource definitions), do_schedselect() and
set_chunk_sum() in src/server; the PBS Professional Reference Guide,
"Requesting Resources".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from . import errors
from .errors import error
from .quantities import Size, format_duration, parse_duration


class ResourceType(Enum):
    """How the value of a resource is read."""

    LONG = "long"
    SIZE = "size"
    TIME = "time"
    STRING = "string"
    BOOLEAN = "boolean"


@dataclass(frozen=True)
class ResourceDefinition:
    """A resource that the server knows.

    `in_chunk`: may stand in a chunk of a select statement; `consumable`:
    a host has an amount of it, of which jobs take their share; `read_only`
    (flag r): no user may set it, but a hook may.
    """

    type: ResourceType
    in_chunk: bool = False
    consumable: bool = False
    read_only: bool = False


STANDARD_RESOURCES: dict[str, ResourceDefinition] = {
    "ncpus": ResourceDefinition(ResourceType.LONG, in_chunk=True, consumable=True),
    "mem": ResourceDefinition(ResourceType.SIZE, in_chunk=True, consumable=True),
    "mpiprocs": ResourceDefinition(ResourceType.LONG, in_chunk=True),
    "ompthreads": ResourceDefinition(ResourceType.LONG, in_chunk=True),
    "arch": ResourceDefinition(ResourceType.STRING, in_chunk=True),
    "host": ResourceDefinition(ResourceType.STRING, in_chunk=True),
    "vnode": ResourceDefinition(ResourceType.STRING, in_chunk=True),
    "walltime": ResourceDefinition(ResourceType.TIME),
    "cput": ResourceDefinition(ResourceType.TIME),
    "pcput": ResourceDefinition(ResourceType.TIME),
    "min_walltime": ResourceDefinition(ResourceType.TIME),
    "max_walltime": ResourceDefinition(ResourceType.TIME),
    "soft_walltime": ResourceDefinition(ResourceType.TIME),
    "file": ResourceDefinition(ResourceType.SIZE),
    "pmem": ResourceDefinition(ResourceType.SIZE),
    "vmem": ResourceDefinition(ResourceType.SIZE, in_chunk=True, consumable=True),
    "pvmem": ResourceDefinition(ResourceType.SIZE),
    "nice": ResourceDefinition(ResourceType.LONG),
    "software": ResourceDefinition(ResourceType.STRING),
    "site": ResourceDefinition(ResourceType.STRING),
    "select": ResourceDefinition(ResourceType.STRING),
    "place": ResourceDefinition(ResourceType.STRING),
}


@dataclass(frozen=True)
class Chunk:
    """`count` times these resources, each time on one host. The values are still text."""

    count: int
    resources: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        """The value asked for, or None."""
        for resource, value in self.resources:
            if resource == name:
                return value
        return None

    def __str__(self) -> str:
        return ":".join([str(self.count)] + [f"{name}={_quoted(value)}" for name, value in self.resources])


def _quoted(value: str) -> str:
    if not re.search(r"[\"'+:=()]", value):
        return value
    return f"'{value}'" if '"' in value else f'"{value}"'


@dataclass
class ResourceRequest:
    """A job's whole request after the server's defaults.

    `listed` is the attribute Resource_List (name to text), `chunks` what the
    scheduler places (attribute schedselect).
    """

    listed: dict[str, str]
    chunks: list[Chunk] = field(default_factory=list)

    @property
    def schedselect(self) -> str:
        """The select statement with defaults filled in, as the scheduler reads it."""
        return "+".join(str(chunk) for chunk in self.chunks)

    @property
    def place(self) -> str:
        """The place statement, such as "free", "pack" or "scatter:excl"."""
        return self.listed["place"]

    @property
    def walltime(self) -> int | None:
        """The limit in seconds, or None."""
        return parse_duration(self.listed["walltime"]) if "walltime" in self.listed else None


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Splits at a separator that is not inside quotes."""
    parts: list[str] = []
    current: list[str] = []
    quote = ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == separator:
            parts.append("".join(current))
            current = []
            continue
        current.append(character)
    return parts + ["".join(current)]


def check_value(definition: ResourceDefinition, name: str, value: str, where: str) -> str:
    """The value as PBS stores it; raises the error of a value that does not parse.

    `where` is what the message names: "select" for a chunk, "Resource_List" otherwise.
    """
    try:
        if definition.type is ResourceType.LONG:
            if not re.fullmatch(r"\+?[0-9]+", value):
                raise ValueError(f"not a number: {value!r}")
            return str(int(value))
        if definition.type is ResourceType.SIZE:
            return str(Size.parse(value))
        if definition.type is ResourceType.TIME:
            return format_duration(parse_duration(value))
    except ValueError:
        raise error(errors.BAD_ATTRIBUTE_VALUE, f" {where}.{name}", "Resource_List") from None
    if not value:
        raise error(errors.BAD_ATTRIBUTE_VALUE, f" {where}.{name}", "Resource_List")
    return value


def check_request(asked: dict[str, str], resources: dict[str, ResourceDefinition]) -> None:
    """The checks that the client's own library makes before anything is sent.

    Source: OpenPBS src/lib/Libecl/ecl_verify_values.c. A request refused here
    has not cost a job number.
    """
    for name, value in asked.items():
        definition = resources.get(name)
        if definition is not None and name in STANDARD_RESOURCES:
            check_value(definition, name, value, "Resource_List")
    if "select" in asked:
        for chunk in _parse_chunks(asked["select"]):
            for name, value in chunk.resources:
                if name in STANDARD_RESOURCES:
                    check_value(STANDARD_RESOURCES[name], name, value, "select")
    if "place" in asked and not (asked["place"] and _PLACE.fullmatch(asked["place"])):
        raise error(errors.BAD_ATTRIBUTE_VALUE, " Resource_List.place", "Resource_List")


_PLACE = re.compile(r"(free|pack|scatter|vscatter)?(:?(excl|exclhost|shared?))?(:?group=[\w.-]+)?")


def _parse_chunks(text: str) -> list[Chunk]:
    """The chunks of "2:ncpus=1:mem=1gb+ncpus=4", their resources not yet looked at."""
    chunks: list[Chunk] = []
    for part in split_outside_quotes(text, "+"):
        fields = split_outside_quotes(part, ":")
        count = int(fields.pop(0)) if fields[0].isdigit() else 1
        pairs: list[tuple[str, str]] = []
        for item in fields:
            name, _, value = item.partition("=")
            if not name or not value:
                raise error(errors.BAD_ATTRIBUTE_VALUE, " Resource_List.select", "Resource_List")
            if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]:
                value = value[1:-1]
            pairs.append((name, value))
        chunks.append(Chunk(count, tuple(pairs)))
    return chunks


def _checked_chunks(text: str, resources: dict[str, ResourceDefinition]) -> list[Chunk]:
    """The chunks of a select statement that the server accepts (do_schedselect())."""
    chunks = _parse_chunks(text)
    for chunk in chunks:
        seen: set[str] = set()
        for name, value in chunk.resources:
            if name in seen:
                raise error(errors.DUPLICATE_RESOURCE, f": {name}")
            seen.add(name)
            if name not in resources:
                raise error(errors.UNKNOWN_RESOURCE, f": {name}")
            if not resources[name].in_chunk:
                raise error(errors.INVALID_IN_SELECT, f": {name}")
            check_value(resources[name], name, value, "select")
    if sum(chunk.count for chunk in chunks) <= 0:
        raise error(errors.BAD_ATTRIBUTE_VALUE)
    return chunks


def given(resources: dict[str, str]) -> dict[str, str]:
    """Of what is to be altered that which gets a value. An empty one takes the old one away, but for select and place,
    which PBS does not take without one (as seen on 23.06.06)."""
    return {name: value for name, value in resources.items() if value or name in ("select", "place")}


def complete_request(asked: dict[str, str], resources: dict[str, ResourceDefinition]) -> ResourceRequest:
    """Fills in a request what the server fills in: select from the old form, default chunk, sums.

    `asked` is the -l list in the order of the command line; values are still
    text. Raises what the server refuses (set_resc_deflt(), set_chunk_sum()).
    """
    listed: dict[str, str] = {}
    for name, value in asked.items():
        definition = resources.get(name)
        if definition is None:
            raise error(errors.UNKNOWN_RESOURCE, f" Resource_List.{name}")
        listed[name] = check_value(definition, name, value, "Resource_List")
    if "select" in asked:
        for name in asked:
            if resources[name].in_chunk:
                raise error(errors.INVALID_JOB_RESOURCE, f": {name}")
        chunks = _checked_chunks(asked["select"], resources)
        listed.setdefault("place", "free")
    else:
        if "place" in asked:
            raise error(errors.PLACE_WITHOUT_SELECT)
        chunks = [_old_form_chunk(listed, resources)]
        listed["select"] = str(chunks[0])
        listed["place"] = "pack"
    chunks = [_with_defaults(chunk, resources) for chunk in chunks]
    listed.update(_sums(chunks, resources))
    return ResourceRequest(dict(sorted(listed.items())), chunks)


def _old_form_chunk(listed: dict[str, str], resources: dict[str, ResourceDefinition]) -> Chunk:
    """The chunk of a request in the old form, "-l ncpus=2 -l mem=1gb" (set_select_and_place())."""
    pairs = [(name, value) for name, value in sorted(listed.items()) if resources[name].in_chunk]
    if "ncpus" not in listed:
        pairs.append(("ncpus", "1"))
    return Chunk(1, tuple(sorted(pairs)))


def _with_defaults(chunk: Chunk, resources: dict[str, ResourceDefinition]) -> Chunk:
    """The chunk with the server's default_chunk.ncpus=1, and sizes that end in a unit."""
    pairs: list[tuple[str, str]] = []
    for name, value in chunk.resources:
        if resources[name].type is ResourceType.SIZE and value[-1].lower() not in "bw":
            value += "b"
        pairs.append((name, value))
    if chunk.get("ncpus") is None:
        pairs.append(("ncpus", "1"))
    return Chunk(chunk.count, tuple(pairs))


def _sums(chunks: list[Chunk], resources: dict[str, ResourceDefinition]) -> dict[str, str]:
    """The job-wide amounts of what its chunks consume, and nodect, the number of chunks."""
    counts: dict[str, int] = {}
    sizes: dict[str, Size] = {}
    for chunk in chunks:
        for name, value in chunk.resources:
            if not resources[name].consumable and name not in ("mpiprocs",):
                continue
            if resources[name].type is ResourceType.SIZE:
                amount = Size.parse(value) * chunk.count
                sizes[name] = sizes[name] + amount if name in sizes else amount
            else:
                counts[name] = counts.get(name, 0) + int(value) * chunk.count
    sums = {name: str(count) for name, count in counts.items()}
    sums.update({name: str(size) for name, size in sizes.items()})
    sums["nodect"] = str(sum(chunk.count for chunk in chunks))
    return sums
