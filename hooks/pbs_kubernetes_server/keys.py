"""The keys that submissions are signed with."""
import os
import re
import stat
from typing import List

from .refusal import Refusal

LONGEST_KEY_FILE = 4096


def read_keys(path: str) -> List[bytes]:
    """The keys, the current one first: 64 hexadecimal digits a line, at most two lines besides
    comments. Refusal where others than root could have read or written them."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(LONGEST_KEY_FILE + 1)
    except OSError as error:
        raise Refusal("PBS's server has no keys: %s" % error.strerror)
    if status.st_uid not in (0, os.geteuid()) or stat.S_IMODE(status.st_mode) & 0o077:
        raise Refusal("PBS's server does not use its keys: they are not root's alone")
    lines = [line.strip() for line in content.decode("ascii", "replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(content) > LONGEST_KEY_FILE or not 1 <= len(lines) <= 2 or not all(
            re.fullmatch("[0-9a-f]{64}", line) for line in lines):
        raise Refusal("PBS's server cannot read its keys")
    return [bytes.fromhex(line) for line in lines]
