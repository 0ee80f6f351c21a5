"""Builds the one file that PBS takes for a hook from the modules of a package.

    python3 hooks/installer/build.py FILE [PACKAGE]       (make hooks)

PACKAGE is pbs_kubernetes, the hook for execution hosts, or pbs_kubernetes_server.

The modules follow each other so that each comes after those that it imports from; their relative
imports are left out, and the others stand once at the top. The same modules give the same file,
octet for octet. A module may import names of the package only by `from .module import NAME, ...`,
and no two modules may give a name twice, since they share one namespace in the end.
"""
import ast
import hashlib
import os
import re
import sys
import tempfile
from typing import Dict, Iterator, List, Set, Tuple

HOOKS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = os.path.join(HOOKS, "pbs_kubernetes")
# A script that the hook carries to each host, and where its text goes.
PLACEHOLDER = os.path.join(HOOKS, "placeholder")
MARK = 'PLACEHOLDER_SCRIPT = ""\n'
# Where the digest of all the rest goes, by which hosts tell which version they have.
VERSION_MARK = 'HOOK_VERSION: str = ""\n'
# The module that PBS enters by.
MAIN = "main"

RELATIVE_IMPORT = re.compile(r"^from \.(\w+) import (\([^)]*\)|.*)\n", re.MULTILINE)
ABSOLUTE_IMPORT = re.compile(r"^(?:import (\w+)|from ([\w.]+) import (.*))\n", re.MULTILINE)


class BuildError(Exception):
    """Modules that do not make one file; the message names the module and what is wrong."""


class Module:
    """One module: its text without docstring and imports, and what it needs."""

    def __init__(self, directory: str, name: str) -> None:
        """Read it; BuildError where it imports in a way that cannot be built."""
        self.name = name
        path = os.path.join(directory, name + ".py")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        tree = ast.parse(text, path)
        self.summary = (ast.get_docstring(tree) or "").split("\n")[0]
        self.defines = sorted(defined(tree))
        self.needs: Dict[str, List[str]] = {}  # module of the package -> names
        for match in RELATIVE_IMPORT.finditer(text):
            self.needs.setdefault(match.group(1), []).extend(split(match.group(2).strip("()")))
        body = RELATIVE_IMPORT.sub("", text)
        self.modules: Set[str] = set()  # "import x"
        self.names: Dict[str, Set[str]] = {}  # "from x import y"
        for match in ABSOLUTE_IMPORT.finditer(body):
            if match.group(1):
                self.modules.add(match.group(1))
            else:
                self.names.setdefault(match.group(2), set()).update(split(match.group(3)))
        self.body = re.sub(r'\A"""[\s\S]*?"""\n', "", ABSOLUTE_IMPORT.sub("", body)).strip("\n")
        left = [node for node in ast.parse(self.body).body if isinstance(node, (ast.Import, ast.ImportFrom))]
        if left or any(" as " in name for names in self.needs.values() for name in names):
            raise BuildError("%s: an import that is neither `import x` nor `from x import y, z`" % path)


def split(names: str) -> List[str]:
    """The names of an import."""
    return [name.strip() for name in names.split(",") if name.strip()]


def defined(tree: ast.Module) -> Iterator[str]:
    """The names that a module gives at its top."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                yield target.id


def ordered(directory: str) -> List[Module]:
    """The modules that MAIN needs, each after those that it needs itself."""
    done: Dict[str, Module] = {}

    def visit(name: str, path: Tuple[str, ...]) -> None:
        if name in path:
            raise BuildError("modules that import each other: %s" % ", ".join(path + (name,)))
        if name in done:
            return
        module = Module(directory, name)
        for needed in sorted(module.needs):
            visit(needed, path + (name,))
            missing = set(module.needs[needed]).difference(done[needed].defines)
            if missing:
                raise BuildError("module %s has no %s" % (needed, ", ".join(sorted(missing))))
        done[name] = module

    visit(MAIN, ())
    return list(done.values())


def check_names(modules: List[Module]) -> None:
    """BuildError where two modules give the same name."""
    owners: Dict[str, str] = {}
    for module in modules:
        for name in module.defines:
            if owners.setdefault(name, module.name) != module.name:
                raise BuildError("%s is in module %s and in %s" % (name, owners[name], module.name))


def imports(modules: List[Module]) -> str:
    """All imports from outside the package: the standard library, and PBS's own module."""
    plain = sorted(set().union(*(module.modules for module in modules)) - {"pbs"})
    names: Dict[str, Set[str]] = {}
    for module in modules:
        for source, wanted in module.names.items():
            names.setdefault(source, set()).update(wanted)
    lines = ["import %s" % name for name in plain]
    lines += ["from %s import %s" % (source, ", ".join(sorted(wanted))) for source, wanted in sorted(names.items())]
    return "\n".join(lines) + "\n\nimport pbs\n"


def build(directory: str = PACKAGE) -> str:
    """The text of the one file."""
    modules = ordered(directory)
    left = {name[:-len(".py")] for name in os.listdir(directory) if name.endswith(".py")}
    left -= {module.name for module in modules} | {"__init__"}
    if left:
        raise BuildError("nothing imports module %s" % ", ".join(sorted(left)))
    check_names(modules)
    with open(os.path.join(directory, "__init__.py"), encoding="utf-8") as file:
        parts = [file.read().rstrip("\n") + "\n" + imports(modules)]
    line = "# " + "-" * 75
    parts += ["%s\n# %s.py: %s\n%s\n\n%s\n" % (line, module.name, module.summary, line, module.body) for module in modules]
    text = "\n\n".join(parts)
    if MARK in text:
        with open(PLACEHOLDER, encoding="utf-8") as file:
            script = file.read()
        if '"""' in script:
            raise BuildError("%s: three double quotes in a row" % PLACEHOLDER)
        text = text.replace(MARK, 'PLACEHOLDER_SCRIPT = r"""%s"""\n' % script)
    text = text.replace(VERSION_MARK, 'HOOK_VERSION: str = "%s"\n' % hashlib.sha256(text.encode("utf-8")).hexdigest()[:12])
    compile(text, os.path.basename(directory) + ".PY", "exec")
    return text


def write(path: str, directory: str = PACKAGE) -> None:
    """Build into a file, which appears as a whole."""
    where = os.path.dirname(os.path.abspath(path))
    os.makedirs(where, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=where, encoding="utf-8", delete=False) as file:
        file.write(build(directory))
    os.chmod(file.name, 0o644)
    os.rename(file.name, path)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: build.py FILE [PACKAGE]")
    try:
        write(sys.argv[1], os.path.join(HOOKS, *sys.argv[2:]) if sys.argv[2:] else PACKAGE)
    except (BuildError, OSError, SyntaxError) as error:
        sys.exit("build.py: %s" % error)
