"""qsub: reads options, script directives and the environment, and submits.

Source: OpenPBS src/cmds/qsub.c; function names in the comments are its.
"""

from __future__ import annotations

import os
import re
import shlex
import stat

from .. import errors
from ..errors import PBSError, error
from ..invocation import Answer, Invocation, NeedsStandardInput, account, same_directory
from ..options import getopt
from ..selection import check_request, split_outside_quotes
from ..server import QSUB_DEFAULTS, PBSServer, Submission
from .qselect import parse_date

_LETTERS = "a:A:c:C:e:fhIj:J:k:l:m:M:N:o:p:q:r:R:S:u:v:VW:XzP:"
_USAGE = """usage: qsub [-a date_time] [-A account_string] [-c interval]
\t[-C directive_prefix] [-e path] [-f ] [-h ] [-I [-X]] [-j oe|eo] [-J X-Y[:Z]]
\t[-k keep] [-l resource_list] [-m mail_options] [-M user_list]
\t[-N jobname] [-o path] [-p priority] [-P project] [-q queue] [-r y|n]
\t[-R o|e|oe] [-S path] [-u user_list] [-W otherattributes=value...]
\t[-v variable_list] [-V ] [-z] [script | -- command [arg1 ...]]
       qsub --version"""
MAXIMUM_NAME = 230
_NAME = re.compile(r"[A-Za-z0-9+_.-]+")
_PROJECT_FORBIDDEN = re.compile(r"[/\[\]\";:|<>+,?*]")
# -W attribute names that PBS knows, as far as they are kept here.
KEPT_W_ATTRIBUTES = frozenset({
    "depend", "stagein", "stageout", "sandbox", "group_list", "umask", "block", "run_count", "interactive",
    "release_nodes_on_stageout", "tolerate_node_failures", "create_resv_from_job", "max_run_subjobs", "cred"})
_KEPT_OPTIONS = {"A": "Account_Name", "c": "Checkpoint", "j": "Join_Path", "k": "Keep_Files", "m": "Mail_Points",
                 "M": "Mail_Users", "R": "Remove_Files", "S": "Shell_Path_List", "u": "User_List"}


class _Stop(Exception):
    """The command ends here with these lines on standard error and this status."""

    def __init__(self, status: int, *lines: str) -> None:
        super().__init__(*lines)
        self.status = status
        self.lines = lines


class _Options:
    """Options gathered from the command line, then from the script, which does not override them."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.resources: dict[str, str] = {}
        self.w_attributes: dict[str, str] = {}
        self.problems: list[str] = []

    def read(self, found: list[tuple[str, str]]) -> None:
        """Takes options of one source; those of an earlier one stay."""
        values: dict[str, str] = {}
        resources: dict[str, str] = {}
        w_attributes: dict[str, str] = {}
        for letter, value in found:
            if letter == "l":
                self._read_resources(value, resources)
            elif letter == "W":
                self._read_w(value, w_attributes)
            else:
                self._check(letter, value)
                values[letter] = value
        for mine, new in ((self.values, values), (self.resources, resources), (self.w_attributes, w_attributes)):
            for name, value in new.items():
                mine.setdefault(name, value)

    def _check(self, letter: str, value: str) -> None:
        if letter == "r" and value not in ("y", "n"):
            self.problems.append("qsub: illegal -r value")
        elif letter == "c" and value.strip() == "u":
            self.problems.append("qsub: illegal -c value")

    def _read_resources(self, text: str, into: dict[str, str]) -> None:
        """A -l list; a value may hold commas only in quotes (set_resources())."""
        for item in split_outside_quotes(text, ","):
            name, _, value = item.partition("=")
            if not name.strip() or " " in value.strip():
                self.problems.append("qsub: illegal -l value")
                return
            into[name.strip()] = value.strip()

    def _read_w(self, text: str, into: dict[str, str]) -> None:
        if "=" not in text:
            self.problems.append("qsub: illegal -W value")
            return
        # Attributes are separated by commas; a comma before something without "=" belongs to the value.
        for item in re.split(r",(?=[A-Za-z_]+=)", text.strip()):
            name, _, value = item.partition("=")
            into[name.strip()] = value.strip().strip("\"'")


def run(server: PBSServer, call: Invocation) -> Answer:
    """Runs qsub."""
    try:
        return _submit(server, call)
    except _Stop as stop:
        # With 2 it ends before it connects: its own complaint of its arguments.
        return Answer(stop.status, err=[f"{line}\n" for line in stop.lines], connections=0 if stop.status == 2 else 1)


def _submit(server: PBSServer, call: Invocation) -> Answer:
    options = _Options()
    found, operands, problems, dashes = getopt(call.called_as, call.arguments, _LETTERS)
    options.read([item for item in found if item[0] != "?"])
    if problems or options.problems:
        raise _Stop(2, *problems, *options.problems, _USAGE)
    for letter, what in (("I", "interactive jobs"), ("J", "job arrays")):
        if letter in options.values:
            raise _Stop(70, f"qsub: the PBS simulator has no {what} (-{letter})")
    executable, arguments, script_path = _program(call, operands, dashes)
    script: str | None = None
    if executable is None:
        script = _read_script(call, script_path)
        _read_directives(call, script, options)
    name = options.values.get("N")
    if name is None:
        name = "STDIN" if script_path in (None, "-") else os.path.basename(script_path)
    variables = _variables(call, options)
    submission = _submission(server, call, options, name, variables)
    submission.executable, submission.arguments, submission.script = executable, arguments, script
    _check_like_the_library(options, submission, server)
    try:
        job = server.submit(submission)
        return Answer(out=[] if "z" in options.values else [f"{job.id}\n"])
    except PBSError as problem:
        raise _Stop(problem.exit_status, f"qsub: {problem.text}") from None


def _program(call: Invocation, operands: list[str], dashes: bool) -> tuple[str | None, list[str], str | None]:
    """Program and arguments after "--", or the script's path (process_opts(), process_special_args())."""
    if dashes:
        index = call.arguments.index("--")
        after = call.arguments[index + 1:]
        if not after or len(operands) != len(after):
            raise _Stop(2, _USAGE)
        return after[0], after[1:], None
    if len(operands) > 1:
        raise _Stop(2, _USAGE)
    return None, [], operands[0] if operands else None


def _read_script(call: Invocation, path: str | None) -> str:
    if path in (None, "-"):
        if call.standard_input is None:
            raise NeedsStandardInput
        return call.standard_input.decode(errors="surrogateescape")
    full = os.path.join(call.directory, path)
    try:
        if not stat.S_ISREG(os.stat(full).st_mode):
            raise _Stop(1, "qsub: script not a file")
        with open(full, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError as problem:
        raise _Stop(1, f"qsub: script file:: {problem.strerror}") from None


def _read_directives(call: Invocation, script: str, options: _Options) -> None:
    """#PBS lines up to the first line that is neither blank nor a comment."""
    prefix = options.values.get("C", call.environment.get("PBS_DPREFIX", "#PBS"))
    for line in script.splitlines():
        stripped = line.strip()
        if prefix and stripped.startswith(prefix):
            found, operands, problems, _ = getopt(call.called_as, shlex.split(stripped[len(prefix):]), _LETTERS)
            options.read([item for item in found if item[0] != "?"])
            if problems or operands or options.problems:
                raise _Stop(2, *problems, *options.problems, f"qsub: directive error: {stripped[len(prefix):].strip()} ")
        elif stripped and not stripped.startswith(("#", ":")):
            return


def _submission(server: PBSServer, call: Invocation, options: _Options, name: str, variables: str) -> Submission:
    values = options.values
    user, group, home = account(call.uid)
    attributes = {**QSUB_DEFAULTS, **{_KEPT_OPTIONS[letter]: value for letter, value in values.items() if letter in _KEPT_OPTIONS}}
    attributes.update(options.w_attributes)
    execution_time: int | None = None
    if "a" in values:
        execution_time = parse_date(values["a"], server.settings.clock())
        if execution_time is None:
            raise _Stop(2, "qsub: illegal -a value", _USAGE)
    return Submission(
        name=name, resources=options.resources, variables=variables, user=user, uid=call.uid, group=group, home=home,
        output_path=_path(server, call, values.get("o"), "o"), error_path=_path(server, call, values.get("e"), "e"),
        working_directory=_working_directory(call), queue=values.get("q", "").split("@", 1)[0] or None,
        rerunable=values.get("r", "y") == "y", held="h" in values, project=values.get("P"),
        execution_time=execution_time, attributes=attributes, submit_arguments=list(call.arguments))


def _path(server: PBSServer, call: Invocation, path: str | None, letter: str) -> str | None:
    """An output path with its host (prepare_path())."""
    if path is None:
        return None
    if not path.strip():
        raise _Stop(2, f"qsub: illegal -{letter} value", _USAGE)
    if re.match(r"[A-Za-z0-9.-]+:", path):
        return path
    return f"{server.name}:{os.path.join(_working_directory(call), path)}"


def _working_directory(call: Invocation) -> str:
    pwd = call.environment.get("PWD")
    return pwd if pwd and same_directory(pwd, call.directory) else call.directory


def _check_like_the_library(options: _Options, submission: Submission, server: PBSServer) -> None:
    """What libpbs refuses before it sends anything (src/lib/Libecl/ecl_verify_values.c)."""
    name = submission.name
    if len(name) > MAXIMUM_NAME:
        raise _Stop(2, f"qsub: Job {errors.TEXTS[errors.JOB_NAME_TOO_LONG]} ")
    if not _NAME.fullmatch(name):
        raise _Stop(2, "qsub: illegal -N value", _USAGE)
    for letter, pattern in (("j", "oe|eo|n"), ("k", "o|e|oe|eo|n|o?e?d?o?e?"), ("m", "n|[abej]+"), ("R", "[oe]{1,2}")):
        if letter in options.values and not re.fullmatch(pattern, options.values[letter].strip() or "?"):
            raise _Stop(2, f"qsub: illegal -{letter} value", _USAGE)
    submission.priority = priority(options.values.get("p", "0"))
    for attribute in options.w_attributes:
        if attribute not in KEPT_W_ATTRIBUTES:
            raise _Stop(error(errors.NO_SUCH_ATTRIBUTE).exit_status, "qsub: Error (15002) submitting job")
    project = options.values.get("P")
    if project is not None and _PROJECT_FORBIDDEN.search(project):
        problem = error(errors.BAD_ATTRIBUTE_VALUE, " project")
        raise _Stop(problem.exit_status, f"qsub: {problem.text}")
    try:
        check_request(submission.resources, server.resources)
    except PBSError as problem:
        raise _Stop(problem.exit_status, f"qsub: {problem.text}") from None


def priority(text: str) -> int:
    """-p: a whole number from -1024 to 1023 and nothing else."""
    if not re.fullmatch(r"\s*[-+]?\d+", text) or not -1024 <= int(text) <= 1023:
        raise _Stop(2, "qsub: illegal -p value", _USAGE)
    return int(text)


# Environment (job_env_basic() and what follows it)

_BASIC = ("LANG", "LOGNAME", "PATH", "MAIL", "SHELL", "TZ")


def _variables(call: Invocation, options: _Options) -> str:
    """Variable_List: what qsub always sends, then -v, then with -V the whole environment."""
    environment = call.environment
    items = [f"PBS_O_HOME={_escape_commas(environment.get('HOME', '/'))}"]
    items += [f"PBS_O_{name}={_escape_commas(environment[name])}" for name in _BASIC if name in environment]
    items += ["PBS_O_INTERACTIVE_AUTH_METHOD=resvport", "PBS_O_INTERACTIVE_ENCRYPT_METHOD=",
              f"PBS_O_WORKDIR={_escape_commas(_working_directory(call))}", "PBS_O_SYSTEM=Linux"]
    if "v" in options.values:
        items += _sent(_expand(options.values["v"], environment), environment)
    if "V" in options.values:
        items += [f"{name}={_copy_value(value, quoted=True)[0]}" for name, value in environment.items()
                  if not name.startswith("PBS_O_") and name not in ("PBS_JOBCOOKIE", "PBS_INTERACTIVE_COOKIE")]
    return ",".join(items)


def _escape_commas(text: str) -> str:
    return text.replace(",", "\\,")


_CANNOT_SEND = "qsub: cannot send environment with the job"


def _expand(text: str, environment: dict[str, str]) -> str:
    """A -v list with the values of its bare names filled in (expand_varlist())."""
    items: list[str] = []
    for item in _comma_tokens(text):
        name, equals, value = item.partition("=")
        if equals:
            items.append(f"{name}={_copy_value(value, quoted=False)[0]}")
        elif not name.startswith("PBS_O_"):
            items.append(f"{name}={_copy_value(_from(environment, name), quoted=True)[0]}")
    return ",".join(items)


def _sent(text: str, environment: dict[str, str]) -> list[str]:
    """The items of an expanded -v list as Variable_List gets them (set_job_env()).

    Values pass through copy_env_value() a second time, so every backslash
    that does not precede a comma ends up four times: seen on 23.06.06.
    """
    items: list[str] = []
    while text:
        end = re.search(r"[,=]", text)
        name = text[:end.start()] if end else text
        if not name:
            raise _Stop(1, _CANNOT_SEND)
        if end and end[0] == "=":
            value, rest = _copy_value(text[end.end():], quoted=False)
        else:
            value, rest = _copy_value(_from(environment, name), quoted=True)[0], text[len(name):]
        if not name.startswith("PBS_O_"):
            items.append(f"{name}={value}")
        text = rest[1:] if rest.startswith(",") else rest
    return items


def _from(environment: dict[str, str], name: str) -> str:
    if name not in environment:
        raise _Stop(1, _CANNOT_SEND)
    return environment[name]


def _comma_tokens(text: str) -> list[str]:
    """Items between commas that are neither quoted nor escaped; empty at the end is none (comma_token())."""
    items: list[str] = []
    start = index = 0
    quote = ""
    while index < len(text):
        character = text[index]
        if character in "\"'":
            quote = "" if character == quote else character
        elif character == "," and not quote:
            items.append(text[start:index])
            start = index + 1
        elif character == "\\" and index + 1 < len(text):
            index += 1
        index += 1
    return items + ([text[start:]] if start < len(text) else [])


def _copy_value(text: str, quoted: bool) -> tuple[str, str]:
    """A value up to its unquoted comma, and the rest with that comma (copy_env_value()).

    Not `quoted`: its own quotes are taken off, and commas and other quotes
    within them get a backslash. `quoted`: the whole text is the value, and
    all its commas and quotes get one. Quotes that do not end are an error.
    """
    out: list[str] = []
    quote = ""
    for index, character in enumerate(text):
        if character in "\"'":
            if quote == character:
                quote = ""
            elif quote or quoted:
                out += ["\\", character]
            else:
                quote = character
        elif character == "\\":
            out.append(character)
            if text[index + 1:index + 2] != ",":
                out.append(character)
        elif character == ",":
            if quote or quoted:
                out += ["\\", character]
            elif out and out[-1] == "\\":
                out.append(character)
            else:
                return "".join(out), text[index:]
        else:
            out.append(character)
    if quote:
        raise _Stop(1, _CANNOT_SEND)
    return "".join(out), ""
