"""Time in tests: how long something took, and waiting for what gives no sign of itself."""
import os
import time
from typing import Any, Callable, Tuple

# Seconds that a hook may take longer where it runs in a process of another interpreter.
OTHER_PROCESS = 5.0 if "HOOKS_PYTHON" in os.environ else 0.0


def elapsed(work: Callable[[], Any]) -> Tuple[float, Any]:
    """Seconds that work takes, and its result."""
    start = time.monotonic()
    result = work()
    return time.monotonic() - start, result


def awaited(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """What a condition gives as soon as that is true; AssertionError where it does not come true in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "not so after %g s" % seconds
        time.sleep(0.02)
