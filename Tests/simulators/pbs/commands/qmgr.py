"""qmgr -c: what a vnode has. Of its language only `set node` and `unset node` with resources_available."""

from __future__ import annotations

import re

from ..errors import PBSError
from ..invocation import Answer, Invocation
from ..options import getopt
from ..server import PBSServer

_DIRECTIVE = re.compile(r"(set|unset) node (\S+) (.+)")
_SETTING = re.compile(r'\s*resources_available\.([\w-]+)\s*(?:=\s*("[^"]*"|[^\s,"]+)\s*)?(?:,|$)')


def run(server: PBSServer, call: Invocation) -> Answer:
    """Runs qmgr."""
    options, operands, _, _ = getopt(call.called_as, call.arguments, "ac:enz")
    directives = [value for letter, value in options if letter == "c"]
    match = _DIRECTIVE.fullmatch(directives[-1]) if directives and not operands else None
    if match is None:
        return Answer(1, err=[f"qmgr: the simulator has no directive for {call.arguments}\n"], connections=0)
    verb, name, rest = match.groups()
    resources: dict[str, str] = {}
    position = 0
    while position < len(rest):
        setting = _SETTING.match(rest, position)
        if setting is None or (verb == "set") != (setting[2] is not None):
            return Answer(2, err=[f"qmgr: Syntax error\n{directives[-1]}\n"])
        resources[setting[1]] = (setting[2] or "").strip('"')
        position = setting.end()
    answer = Answer()
    try:
        server.set_vnode(name, call.user, resources)
    except PBSError as problem:
        # qmgr.c, execute(); the exit status is the error's number, of which a byte is left.
        answer.fail(f"qmgr obj={name} svr=default: {problem.text}")
        answer.fail(f"qmgr: Error ({problem.number}) returned from server", problem.number & 0xFF)
    return answer
