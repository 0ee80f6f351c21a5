"""Errors of the PBS batch interface: number, text and what a command exits with.

Source: OpenPBS src/include/pbs_error.h (numbers) and
src/lib/Liblog/pbs_messages.c (texts). A command exits with the number modulo
256, which is what a shell sees of exit(pbs_errno).
"""

from __future__ import annotations


class PBSError(Exception):
    """A request that the server refuses.

    `number` is PBS's own error number, `text` its message. `attribute` names
    the job attribute at fault where the client library finds the mistake
    itself, since the commands report those in another form ("illegal -N value").
    """

    def __init__(self, number: int, text: str, attribute: str | None = None) -> None:
        super().__init__(text)
        self.number = number
        self.text = text
        self.attribute = attribute

    @property
    def exit_status(self) -> int:
        """The exit status of a command that ends with this error."""
        return self.number & 0xFF


UNKNOWN_JOB_ID = 15001
UNKNOWN_JOB_ID_TEXT = "Unknown Job Id"
NO_SUCH_ATTRIBUTE = 15002
READ_ONLY_ATTRIBUTE = 15003
INVALID_REQUEST = 15004
NO_PERMISSION = 15007
SYSTEM = 15010
UNKNOWN_SIGNAL = 15013
BAD_ATTRIBUTE_VALUE = 15014
MODIFY_WHILE_RUNNING = 15015
BAD_STATE = 15016
UNKNOWN_QUEUE = 15018
QUEUE_NOT_ENABLED = 15021
BAD_USER = 15023
NO_SUPPORT = 15029
UNKNOWN_RESOURCE = 15035
NOT_RERUNNABLE = 15038
EXECUTION_SERVER_REJECTED = 15041
UNKNOWN_NODE = 15062
NO_REPLY_FROM_HOST = 15070
INVALID_IN_SELECT = 15108
INVALID_JOB_RESOURCE = 15109
INVALID_NODE_PLACE = 15110
PLACE_WITHOUT_SELECT = 15111
DUPLICATE_RESOURCE = 15116
HOOK_ERROR = 15136
JOB_FINISHED = 15139
HISTORY_NOT_ENABLED = 15140
HISTORY_DELETED = 15158
JOB_NAME_TOO_LONG = 15173
WRONG_RESUME = 15177

# The trailing blanks are PBS's own.
TEXTS: dict[int, str] = {
    UNKNOWN_JOB_ID: UNKNOWN_JOB_ID_TEXT,
    NO_SUCH_ATTRIBUTE: "Undefined attribute ",
    READ_ONLY_ATTRIBUTE: "Cannot set attribute, read only or insufficient permission ",
    INVALID_REQUEST: "Invalid request",
    NO_PERMISSION: "Unauthorized Request ",
    SYSTEM: "System error: ",
    UNKNOWN_SIGNAL: "Unknown/illegal signal name",
    BAD_ATTRIBUTE_VALUE: "Illegal attribute or resource value",
    MODIFY_WHILE_RUNNING: "Cannot modify attribute while job running ",
    BAD_STATE: "Request invalid for state of job",
    UNKNOWN_QUEUE: "Unknown queue",
    QUEUE_NOT_ENABLED: "Queue is not enabled",
    BAD_USER: "Bad UID for job execution",
    NO_SUPPORT: "No support for requested service",
    UNKNOWN_RESOURCE: "Unknown resource",
    NOT_RERUNNABLE: "job is not rerunnable",
    EXECUTION_SERVER_REJECTED: "Execution server rejected request",
    UNKNOWN_NODE: "Unknown node ",
    NO_REPLY_FROM_HOST: "Server could not connect to MOM",
    INVALID_IN_SELECT: 'Resource invalid in "select" specification',
    INVALID_JOB_RESOURCE: '"-lresource=" cannot be used with "select" or "place", resource is',
    INVALID_NODE_PLACE: "Cannot be used with select or place",
    PLACE_WITHOUT_SELECT: 'Cannot have "place" without "select"',
    DUPLICATE_RESOURCE: "duplicated resource within a section of a select specification, resource is",
    JOB_FINISHED: "Job has finished",
    HISTORY_NOT_ENABLED: "PBS is not configured to maintain job history",
    JOB_NAME_TOO_LONG: "name is too long",
    WRONG_RESUME: "Job can not be resumed with the requested resume signal",
}


def error(number: int, detail: str = "", attribute: str | None = None) -> PBSError:
    """The error with PBS's standard text, and `detail` after it where PBS adds one."""
    return PBSError(number, TEXTS[number] + detail, attribute)
