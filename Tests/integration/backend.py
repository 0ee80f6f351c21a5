"""How the connector under test talks to PBS, where that shows."""

from __future__ import annotations

import os

from simulators.pbs import BACKEND


def by_library() -> bool:
    """Whether it is by PBS's library, and not by its commands."""
    return os.environ.get(BACKEND) == "libpbs"


def said(words: str) -> str:
    """What PBS says of a submission: a command puts its name before that, the library does not."""
    return words.removeprefix("qsub: ") if by_library() else words
