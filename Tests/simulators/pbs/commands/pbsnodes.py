"""pbsnodes: the hosts, as text, JSON or delimited; -o and -r take a host away and give it back."""

from __future__ import annotations

import time

from ..attributes import Attribute, host_attributes
from ..errors import PBSError
from ..host import Host
from ..invocation import Answer, Invocation
from ..options import getopt
from ..output import JSONObject, Text, parsed, print_json, string
from ..server import PBS_VERSION, PBSServer
from .. import errors

_TIMES = ("last_used_time", "last_state_change_time")
_SUMMARY = ("                                                        mem       ncpus   nmics   ngpus\n"
            "vnode           state           njobs   run   susp      f/t        f/t     f/t     f/t   jobs\n"
            "--------------- --------------- ------ ----- ------ ------------ ------- ------- ------- -------\n")


def run(server: PBSServer, call: Invocation) -> Answer:
    """Runs pbsnodes."""
    options, operands, problems, _ = getopt(call.called_as, call.arguments, "acC:dD:F:HjlLoqrs:Sv")
    letters = [letter for letter, _ in options]
    values = dict(options)
    formats = [value.lower() for letter, value in options if letter == "F"]
    listing = "a" in letters or "l" in letters or "v" in letters
    if (problems or "?" in letters or any(name not in ("default", "dsv", "json") for name in formats)
            or (not listing and not operands) or ("l" in letters and operands)):
        program = call.called_as
        problems.append(
            f"usage:\t{program} [-{{o|r}}][-C comment][-s server] host host ...\n"
            f"\t{program} -l [-s server]\n\t{program} [-s server] -v vnode vnode ...\n"
            f"\t{program} -a[v][S[j][L]][-F format][-D delim][-s server]\n"
            f"\t{program} -[H][S[j][L]][-F format][-D delim] host host ...\n\t{program} --version\n")
        return Answer(1, err=[f"{line}\n" for line in problems], connections=0)
    answer = Answer()
    if "o" in letters or "r" in letters:
        # marknode() has room for 79 octets.
        comment = values["C"].encode()[:79].decode(errors="ignore") if "C" in values else None
        return _set_offline(server, call, operands, "o" in letters, comment, answer)
    if "l" in letters:
        for away in server.hosts.values():
            if away.down or away.offline:
                answer.print(f"{away.name:<20} {away.state} ")
        return answer
    vnodes = server.hosts if "v" in letters else {}
    hosts = {} if "v" in letters else hosts_with_vnodes(server)
    names = list(vnodes or hosts) if "a" in letters or not operands else operands
    if "S" in letters and "j" in letters and not formats:
        return _job_summary(server, names, answer)
    output_format = formats[-1] if formats else "default"
    nodes: JSONObject = []
    for name in names:
        parts = [vnodes[name]] if name in vnodes else hosts.get(name)
        if parts is None:
            if output_format == "json":
                unknown: JSONObject = [(name, string(errors.TEXTS[errors.UNKNOWN_NODE]))]
                nodes.append((name, unknown))
            else:
                answer.fail(f"Node: {name},  Error: {errors.TEXTS[errors.UNKNOWN_NODE]}", 1)
            continue
        attributes = merged([host_attributes(part, server.is_manager(call.user)) for part in parts])
        if output_format == "json":
            nodes.append((name, _as_json(attributes)))
        elif output_format == "dsv":
            delimiter = values.get("D", "|")
            answer.print(delimiter.join([f"Name={name}"] + [
                f"{_label(attribute, resource)}={value.replace(' ', '') if attribute == 'jobs' else value}"
                for attribute, resource, value in attributes]))
        else:
            answer.print(name)
            for attribute, resource, value in attributes:
                shown = time.ctime(int(value)) if attribute in _TIMES else value
                answer.print(f"     {_label(attribute, resource)} = {shown}")
            answer.print()
    if output_format == "json":
        answer.print(print_json([
            ("timestamp", Text(server.now())), ("pbs_version", string(PBS_VERSION)),
            ("pbs_server", string(server.name)), ("nodes", nodes)]))
    return answer


def hosts_with_vnodes(server: PBSServer) -> dict[str, list[Host]]:
    """The vnodes of each host, by the host's name: without -v pbsnodes tells hosts (pbs_stathost())."""
    hosts: dict[str, list[Host]] = {}
    for vnode in server.hosts.values():
        hosts.setdefault(vnode.labels["host"], []).append(vnode)
    return hosts


def merged(vnodes: list[list[Attribute]]) -> list[Attribute]:
    """Several vnodes as one host: what is not the same is "<various>", even the state (seen on 23.06.06).

    The resources, which the real one adds up, are those of the first vnode that has them.
    """
    if len(vnodes) == 1:
        return vnodes[0]
    values: dict[tuple[str, str | None], list[str]] = {}
    for attributes in vnodes:
        for name, resource, value in attributes:
            values.setdefault((name, resource), []).append(value)
    return [(name, resource, found[0] if len(set(found)) == 1 or name.startswith("resources") and resource != "vnode"
             else "<various>") for (name, resource), found in values.items()]


def _label(attribute: str, resource: str | None) -> str:
    return f"{attribute}.{resource}" if resource else attribute


def _as_json(attributes: list[Attribute]) -> JSONObject:
    """One host as encode_to_json() writes it: nested resources, jobs as an array, zero amounts left out."""
    result: JSONObject = []
    groups: dict[str, JSONObject] = {}
    for attribute, resource, value in attributes:
        if resource is not None:
            if attribute not in groups:
                groups[attribute] = []
                result.append((attribute, groups[attribute]))
            if not (attribute == "resources_assigned" and value.startswith("0")):
                groups[attribute].append((resource, parsed(value)))
        elif attribute == "jobs":
            ids = [item.split("/", 1)[0] for item in value.split(", ")]
            result.append((attribute, [string(job_id) for job_id in dict.fromkeys(ids)]))
        else:
            result.append((attribute, parsed(value)))
    return result


def _set_offline(server: PBSServer, call: Invocation, names: list[str], offline: bool, comment: str | None,
                 answer: Answer) -> Answer:
    for name in names:
        try:
            server.set_host(name, call.user, offline, comment)
        except PBSError as problem:
            answer.fail(f"Error marking node {name} - {problem.text}", 1)
    return answer


def _job_summary(server: PBSServer, names: list[str], answer: Answer) -> Answer:
    """pbsnodes -aSj: one line a host."""
    answer.out.append(_SUMMARY)
    for name in names:
        host = server.hosts.get(name)
        if host is None:
            answer.fail(f"Node: {name},  Error: {errors.TEXTS[errors.UNKNOWN_NODE]}", 1)
            continue
        jobs = [job_id.removesuffix(f".{server.name}") for job_id in host.slots]
        memory = f"{_short(host.available('mem'))}/{_short(host.total.get('mem', 0))}"
        cpus = f"{host.available('ncpus')}/{host.total['ncpus']}"
        answer.print(f"{name:<15.15} {host.state.split(',')[0]:<15.15} {len(jobs):6d} {len(jobs):5d} {0:6d} "
                     f"{memory:>12} {cpus:>7} {'0/0':>7} {'0/0':>7} {','.join(jobs) or '--'}")
    return answer


def _short(kilobytes: int) -> str:
    """A size in the unit that leaves at most three digits (prt_node_summary())."""
    unit = 1
    while kilobytes > 999:
        kilobytes = (kilobytes % 1024 + kilobytes) >> 10
        unit += 1
    return f"{kilobytes}{' kmgtp'[unit]}b"
