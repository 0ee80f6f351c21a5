"""The reader for the YAML that kubeconfigs are written in."""
import importlib.machinery
import importlib.util
import sys
import types
from typing import Any

import pytest

from hooks.execution_host import HOST_HOOK


@pytest.fixture(scope="module")
def hook() -> Any:
    """The host-side hook as a module."""
    sys.modules.setdefault("pbs", types.ModuleType("pbs"))
    loader = importlib.machinery.SourceFileLoader("pbs_kubernetes_under_test", str(HOST_HOOK))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = written
    return module


@pytest.mark.parametrize("text, value", [
    ("a: 1", {"a": "1"}),
    ("a:\n  b: c\n  d:\n    e: f\ng: h\n", {"a": {"b": "c", "d": {"e": "f"}}, "g": "h"}),
    ("a:\n- b: c\n  d: e\n- f\n", {"a": [{"b": "c", "d": "e"}, "f"]}),
    ("a:\n  - b: c\n    d: e\n  -\n    f: g\n", {"a": [{"b": "c", "d": "e"}, {"f": "g"}]}),
    ("-   name: x\n    user:\n      token: t\n", [{"name": "x", "user": {"token": "t"}}]),
    ("a: {}\nb: []\nc:\nd: ~\n", {"a": {}, "b": [], "c": None, "d": None}),
    ("# comment\n---\na: b # comment\nc: 'd # e'\n", {"a": "b", "c": "d # e"}),
    ("a: it's # a comment that isn't read\n", {"a": "it's"}),
    ('a: "b\\n\\"c\\""\nd: \'it\'\'s\'\n', {"a": 'b\n"c"', "d": "it's"}),
    ("server: https://10.77.0.1:6443\n", {"server": "https://10.77.0.1:6443"}),
    ("a: true\nb: false\n", {"a": True, "b": False}),
    ('clusters: [{name: lab, cluster: {server: "https://h:6443", certificate-authority: /a/b.crt}}]\n',
     {"clusters": [{"name": "lab", "cluster": {"server": "https://h:6443", "certificate-authority": "/a/b.crt"}}]}),
    ("users: [{name: k, user: {token: abc:def}}]\n", {"users": [{"name": "k", "user": {"token": "abc:def"}}]}),
    ('"quoted key": v\n\'other\': w\n', {"quoted key": "v", "other": "w"}),
    ("a: dGVzdA==\n", {"a": "dGVzdA=="}),
    ('{"json": ["is", {"yaml": "too"}]}', {"json": ["is", {"yaml": "too"}]}),
    ("user: system:node:node1\n", {"user": "system:node:node1"}),
])
def test_what_kubeconfigs_are_written_in(hook: Any, text: str, value: Any) -> None:
    assert hook.parse_yaml(text) == value


@pytest.mark.parametrize("text", [
    "a: |\n  block\n", "a: &anchor b\n", "a: *alias\n", "a: !tag b\n", "a: {b: c\n", "a: [b\n", "a: 'b\n",
    "a: b\n   c: d\n", "a: \"b\" c\n", "- - a\n", "a: b: c\n", "a: - b\n", "a:\n    b: c\n  d: e\n",
])
def test_other_yaml_is_an_error_not_a_guess(hook: Any, text: str) -> None:
    with pytest.raises(ValueError):
        hook.parse_yaml(text)


@pytest.mark.parametrize("text, complaint", [
    ("a: b\n\n# c\nd: |\n  e\n", "line 4: '|' is more YAML than a kubeconfig needs"),
    ("a: b\n  continued\n", "line 2: unexpected 'continued'"),
    ("a:\n  b: c\n  b: d\n", "line 3: key 'b' a second time"),
    ("a: {b: c, b: d}\n", "line 1: key 'b' a second time"),
    ("a: b\n---\na: c\n", "line 2: unexpected '---'"),
    ("a:\n\tb: c\n", "line 2: a tab, where YAML has spaces only"),
    ("a:\n- insecure-skip-tls-verify: no\n", "line 2: 'no' is a boolean to some readers of YAML and text to others: quote it"),
    ("? a\n: b\n", "line 1: unexpected '? a'"),
])
def test_what_is_refused_is_named_by_its_line(hook: Any, text: str, complaint: str) -> None:
    with pytest.raises(ValueError) as refusal:
        hook.parse_yaml(text)
    assert str(refusal.value) == complaint


def test_booleans_in_every_writing_of_yaml(hook: Any) -> None:
    assert hook.parse_yaml("a: False\nb: TRUE\nc: 'False'\n") == {"a": False, "b": True, "c": "False"}
