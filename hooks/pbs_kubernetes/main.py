"""Run by PBS."""
import traceback

import pbs

from .context import Host
from .events import handler_of
from .names import local_host_names
from .reservations import Refusal
from .settings import ConfigurationError, read_settings
from .text import printable


# Of a traceback, the last ones.
MOST_LINES = 40


def main() -> None:
    """Handle the event. Whatever goes wrong here, the job goes on: only strict mode refuses."""
    event = pbs.event()
    try:
        names = local_host_names()
        host = Host(names, read_settings(pbs.hook_config_filename, names))
        handler = handler_of(event)
        if handler is not None:
            handler(event, host)
    except Refusal as refusal:
        event.reject("pbs_kubernetes: %s" % refusal)
    except ConfigurationError as error:
        pbs.logmsg(pbs.LOG_ERROR, "pbs_kubernetes: nothing done: %s" % error)
    except Exception:
        # An error's words may be a user's.
        lines = [printable(line) for line in traceback.format_exc().split("\n") if line]
        pbs.logmsg(pbs.LOG_ERROR, "pbs_kubernetes: %s" % " | ".join(lines[-MOST_LINES:]))
    event.accept()


# The name of a module that PBS runs as a hook; tests import this file under another.
if __name__ == "builtins":
    main()
