"""Every Python of this machine that PBS might come with; as a program (make test-hooks), the hooks' tests on each.

PBS's interpreter is its own: 3.6 on RHEL 8, and newer ones elsewhere. The tests' own Python stays the same;
the hooks run with the other (HOOKS_PYTHON).
"""
import glob
import importlib.util
import os
import re
import subprocess
import sys
from typing import Dict, List, Tuple

OLDEST = (3, 6)
# Its tests have to do with no interpreter, or name each of them by themselves.
ONCE = ("test_pythons.py", "test_placeholder.py")
PLACES = ("/usr/bin/python3*", "/usr/local/bin/python3*", "/opt/pbs/python/bin/python3*", "~/.pyenv/versions/*/bin/python3")


def version_of(path: str) -> Tuple[int, ...]:
    """The release of an interpreter, as (3, 6); empty where it does not run, or has no TLS, without which it is not PBS's."""
    program = "import ssl, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([path, "-c", program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.fullmatch(r"(\d+)\.(\d+)", done.stdout.decode().strip())
    return (int(found.group(1)), int(found.group(2))) if found is not None else ()


def pythons() -> Dict[str, str]:
    """One interpreter for each release from the oldest on, by release: "3.6" to a path."""
    found: Dict[Tuple[int, ...], str] = {}
    for place in PLACES:
        for path in sorted(glob.glob(os.path.expanduser(place))):
            if re.fullmatch(r"python3(\.\d+)?", os.path.basename(path)):
                version = version_of(path)
                if version >= OLDEST:
                    found.setdefault(version, path)
    return {"%d.%d" % version: path for version, path in sorted(found.items())}


def command_of(arguments: List[str], beside: List[str]) -> List[str]:
    """The hooks' tests."""
    here = os.path.dirname(os.path.abspath(__file__))
    once = ["--ignore=" + os.path.join(here, name) for name in ONCE]
    return [sys.executable, "-m", "pytest", here, "-q", "-rs"] + once + beside + arguments


def main(arguments: List[str]) -> int:
    """Run the hooks' tests with each, to their end; what failed runs once more by itself. The exit status."""
    failed = []
    # Some files beside each other, where pytest can do that.
    beside = ["-n", "3", "--dist", "loadfile"] if importlib.util.find_spec("xdist") else []
    for release, path in pythons().items():
        print("hooks on Python %s (%s)" % (release, path), flush=True)
        environment = dict(os.environ, HOOKS_PYTHON=path)
        if subprocess.run(command_of(arguments, beside), env=environment).returncode == 0:
            continue
        print("what failed on Python %s runs again by itself" % release, flush=True)
        again = ["--last-failed", "--last-failed-no-failures", "none"]
        if subprocess.run(command_of(arguments, again), env=environment).returncode != 0:
            failed.append(release)
    print("failed on Python %s" % ", ".join(failed) if failed else "passed on every Python")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
