"""The server's hook on tokens and their parts, by the same examples as pbs-broker's tests (ProofTokenTests.swift)."""
import json
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from hooks.execution_host import HOOKS, SERVER_HOOK
from hooks.pbs_stand_in import Event, make_module
from hooks.proof import token

EXAMPLES: Dict[str, Any] = json.loads((HOOKS.parent / "Tests" / "proof-tokens.json").read_text())
FIELDS = ("cluster", "uid", "namespace", "name", "user", "nonce", "expiry", "select")


@pytest.fixture
def hook() -> Any:
    """The hook's functions."""
    before = sys.modules.get("pbs")
    sys.modules["pbs"] = make_module(Event("QUEUEJOB"), None, "pbsserver", {}, [])
    names: Dict[str, Any] = {"__name__": "hook"}
    try:
        exec(compile(SERVER_HOOK.read_text(), str(SERVER_HOOK), "exec"), names)
    finally:
        if before is None:
            del sys.modules["pbs"]
        else:
            sys.modules["pbs"] = before
    return names


@pytest.mark.parametrize("example", EXAMPLES["tokens"], ids=lambda example: example["what"])
def test_the_examples_are_accepted(hook: Any, example: Dict[str, Any]) -> None:
    user, _, host = example["user"].partition("@")
    keys = [bytes(32)[1:] + b"x", bytes.fromhex(example["key"])]
    hook["LONGEST_LIFE"] = 10 ** 13
    now = example["expiry"] - 1
    proven = hook["verify"](example["token"], example["select"], user, host, keys, now)
    assert {name: getattr(proven, name) for name in FIELDS[:-1]} == {name: str(example[name]) for name in FIELDS[:-1]}
    for select, who, moment in ((example["select"] + ":x=1", user, now), (example["select"], user + "2", now),
                                (example["select"], user, now + 1)):
        with pytest.raises(hook["Refusal"]):
            hook["verify"](example["token"], select, who, host, keys, moment)
    with pytest.raises(hook["Refusal"]):
        hook["verify"](example["token"], example["select"], user, host, keys[:1], now)


@pytest.mark.parametrize("example", EXAMPLES["tokens"], ids=lambda example: example["what"])
def test_the_examples_are_made_likewise_here(example: Dict[str, Any]) -> None:
    assert token(key=bytes.fromhex(example["key"]), **{name: example[name] for name in FIELDS}) == example["token"]


@pytest.mark.parametrize("name", EXAMPLES["parts"])
def test_the_form_of_each_part(hook: Any, name: str) -> None:
    for value in EXAMPLES["parts"][name]["good"]:
        assert getattr(hook["parse_token"](token(**{name: value})), name) == value
    for value in EXAMPLES["parts"][name]["bad"]:
        with pytest.raises(hook["Refusal"]):
            hook["parse_token"](token(**{name: value}))
