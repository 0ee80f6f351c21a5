"""Commands and library, compiled and put where PBS has them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from .commands import COMMANDS

_COMMANDS = Path(__file__).with_name("commands.c")
_LIBRARY = Path(__file__).with_name("libpbs")


def install_commands(directory: Path, server_name: str) -> None:
    """Compiles commands.c if need be, and installs it under the name of each command in DIRECTORY/bin."""
    (directory / "bin").mkdir(parents=True, exist_ok=True)
    (directory / "pbs.conf").write_text(f"PBS_SERVER={server_name}\nPBS_EXEC={directory}\nPBS_HOME={directory}\n")
    program = compiled("pbs-simulator-command", [_COMMANDS])
    for name in COMMANDS:
        _copy(program, directory / "bin" / name)


def install_library(directory: Path) -> None:
    """Compiles libpbs/*.c if need be, and installs it as DIRECTORY/lib/libpbs.so."""
    (directory / "lib").mkdir(parents=True, exist_ok=True)
    library = compiled("pbs-simulator-libpbs.so", sorted(_LIBRARY.iterdir()), "-fPIC", "-shared", "-pthread", "-Wl,-Bsymbolic")
    _copy(library, directory / "lib" / "libpbs.so")


def _copy(file: Path, target: Path) -> None:
    """Copies, and does not link: commands and library find their directory by their own path."""
    if not target.exists() or target.stat().st_mtime < file.stat().st_mtime:
        new = target.with_name(f".{target.name}.{os.getpid()}")
        new.write_bytes(file.read_bytes())
        new.chmod(0o755)
        new.rename(target)


def compiled(name: str, sources: list[Path], *options: str) -> Path:
    """What is compiled of these files, headers among them, once for all simulators of this user."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pbs-connector-tests"
    # By what they are made of: several trees may share the cache.
    contents = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()
    result = cache / f"{contents[:12]}-{name}"
    if not result.exists():
        cache.mkdir(parents=True, exist_ok=True)
        new = cache / f"{name}.{os.getpid()}"
        units = [source for source in sources if source.suffix == ".c"]
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", *options, "-o", new, *units, "-ldl"], check=True)
        new.rename(result)
    return result
