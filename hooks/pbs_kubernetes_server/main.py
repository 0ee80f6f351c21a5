"""Run by PBS."""
import traceback

import pbs

from .events import HANDLERS
from .refusal import Refusal
from .settings import read_settings
from .text import one_line


def main() -> None:
    """Handle the event. What goes wrong here keeps no other job from its way."""
    event = pbs.event()
    try:
        settings = read_settings()
        for name, handler in HANDLERS.items():
            if getattr(pbs, name, None) == event.type:
                handler(event, settings)
    except Refusal as refusal:
        event.reject(one_line(str(refusal)))
    except Exception:
        pbs.logmsg(pbs.LOG_ERROR, "pbs_kubernetes_server: %s" % one_line(traceback.format_exc()))
    event.accept()


# The name of a module that PBS runs as a hook; tests import this file under another.
if __name__ == "builtins":
    main()
