"""Files and text as others wrote them: bounded when read, escaped when logged."""
import os
from typing import Optional


def printable(text: str) -> str:
    """Text for one line of a log: everything else is escaped as in Python, and much is cut."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[:300])


def read_file(path: str, most: int) -> str:
    """The text of a file; ValueError where it is longer than `most` octets or no UTF-8."""
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError("longer than %d octets" % most)
    return content.decode("utf-8")


# No configuration, credential or manifest comes near this. Octets.
LONGEST_FILE = 2 ** 20


def read_text(*path: str) -> Optional[str]:
    """The text of a cgroup file; None where the file, or by now the cgroup, is not there."""
    try:
        return read_file(os.path.join(*path), LONGEST_FILE)
    except (OSError, ValueError):
        # A cgroup that goes away between open and read answers ENODEV.
        return None


def written_before(path: str, moment: float) -> bool:
    """Whether a file was last written before a moment (seconds since the epoch)."""
    try:
        return os.stat(path).st_mtime < moment
    except FileNotFoundError:
        return False
