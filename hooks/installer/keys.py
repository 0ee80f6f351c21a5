"""The file of keys that submissions are signed with."""
import os
import re
import secrets
from typing import List

from .refusal import Refused


def read_keys(path: str) -> List[str]:
    """The keys in a file, the current one first; none where there is no file."""
    try:
        with open(path, encoding="ascii") as file:
            lines = [line.strip() for line in file]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise Refused("%s: %s" % (path, error))
    keys = [line for line in lines if line and not line.startswith("#")]
    if not 1 <= len(keys) <= 2 or not all(re.fullmatch("[0-9a-f]{64}", key) for key in keys):
        raise Refused("%s: not one or two keys of 64 hexadecimal digits, a line each" % path)
    return keys


def wanted_keys(present: List[str], new_key: bool, drop_old_key: bool) -> List[str]:
    """What the file of keys is to hold."""
    if new_key or not present:
        return [secrets.token_hex(32)] + present[:1]
    return present[:1] if drop_old_key else present


def write_keys(path: str, keys: List[str]) -> None:
    """Put a file of keys in place that is root's alone from its first moment."""
    directory = os.path.dirname(os.path.abspath(path))
    temporary = "%s.%d" % (path, os.getpid())
    try:
        os.makedirs(directory, 0o755, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write("# Keys of pbs-broker's proof of submission, the current one first.\n")
            file.write("".join(key + "\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except OSError as error:
        raise Refused("%s: %s" % (path, error))
