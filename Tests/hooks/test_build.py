"""The one file that PBS takes for each of the two hooks is built from modules."""
import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from hooks.execution_host import HOOKS, HOST_HOOK, SERVER_HOOK, literal

BUILD = HOOKS / "installer" / "build.py"
LONGEST_FILE = 300


@pytest.fixture
def build() -> Any:
    """The builder as a module."""
    spec = importlib.util.spec_from_file_location("hook_builder", str(BUILD))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package(directory: Path, **modules: str) -> str:
    """A package of these modules."""
    for name, text in dict({"__init__": '"""A hook."""\n'}, **modules).items():
        (directory / (name + ".py")).write_text(text)
    return str(directory)


def test_the_same_modules_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a.PY", "b.PY"):
        subprocess.run([sys.executable, str(BUILD), str(tmp_path / name)], check=True)
    assert (tmp_path / "a.PY").read_bytes() == (tmp_path / "b.PY").read_bytes() == HOST_HOOK.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.PY", "b.PY"]


@pytest.mark.parametrize("hook", [HOST_HOOK, SERVER_HOOK], ids=lambda hook: hook.stem)
def test_every_module_is_in_the_file(hook: Path) -> None:
    text = hook.read_text()
    modules = list((HOOKS / hook.stem).glob("*.py"))
    assert len(modules) > 5
    for module in modules:
        for node in ast.parse(module.read_text()).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                first = module.read_text().splitlines()[node.lineno - 1]
                assert text.count("\n%s\n" % first) == 1, "%s: %s" % (module.name, node.name)


def test_modules_stand_after_those_that_they_need(build: Any, tmp_path: Path) -> None:
    directory = package(
        tmp_path,
        main='"""Main."""\nimport os\n\nimport pbs\n\nfrom .b import (\n    TWO,\n    three)\n\n\nFOUR = TWO + three() + len(os.sep)\n',
        b='"""B."""\nfrom os import path, sep\n\nfrom .a import ONE\n\nTWO = ONE + len(path.sep + sep) - 1\n\n\n'
          'def three() -> int:\n    """3"""\n    import re\n    return len(re.findall("x", "xxx"))\n',
        a='"""A."""\nONE = 1\n')
    text = build.build(directory)
    assert text.startswith('"""A hook."""\nimport os\nfrom os import path, sep\n\nimport pbs\n')
    values: Dict[str, Any] = {}
    exec(compile(text.replace("import pbs\n", ""), "x", "exec"), values)
    assert values["FOUR"] == 6
    assert [text.index(word) for word in ("# a.py: A.", "# b.py: B.", "# main.py: Main.")] == sorted(
        text.index(word) for word in ("# a.py: A.", "# b.py: B.", "# main.py: Main."))


@pytest.mark.parametrize("modules, complaint", [
    (dict(main="from .a import X\n", a="Y = 1\n"), "module a has no X"),
    (dict(main="from .a import X\nX = 1\n", a="X = 1\n"), "X is in module a and in main"),
    (dict(main="from .a import X\n", a="from .main import Y\nX = 1\n"), "modules that import each other: main, a, main"),
    (dict(main="from .a import X as Y\n", a="X = 1\n"), "an import that is neither"),
    (dict(main="import os.path\n"), "an import that is neither"),
    (dict(main="X = 1\n", a="Y = 1\n"), "nothing imports module a"),
])
def test_modules_that_make_no_file(build: Any, tmp_path: Path, modules: Dict[str, str], complaint: str) -> None:
    with pytest.raises(build.BuildError) as error:
        build.build(package(tmp_path, **modules))
    assert complaint in str(error.value)


def test_settings_have_a_type_each() -> None:
    (fields,) = [node for node in ast.parse(HOST_HOOK.read_text()).body
                 if isinstance(node, ast.ClassDef) and node.name == "Settings"]
    names = [node.target.id for node in fields.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    assert names == list(literal(HOST_HOOK, "SETTINGS"))


def test_files_are_short() -> None:
    files = [path for path in HOOKS.rglob("*") if path.is_file() and path.suffix in (".py", "")]
    assert files
    assert {path.name: n for path in files for n in [len(path.read_text().splitlines())] if n > LONGEST_FILE} == {}


def test_everything_is_annotated() -> None:
    for path in [HOOKS / "install"] + sorted(HOOKS.glob("*/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                missing = [a.arg for a in node.args.args if a.annotation is None and a.arg != "self"]
                assert not missing and node.returns is not None, "%s: %s" % (path.name, node.name)
