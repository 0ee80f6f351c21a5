"""The admission policies refuse each attack and nothing that is done every day.

Here they are evaluated on requests as an API server passes them to admission; test_admission_on_a_server.py
sends requests to a server.
"""

from __future__ import annotations

import re
import pytest

from deploy.admission_cases import ATTACKS, BINDER, KEYS, ORDINARY, Object
from deploy.admission_policies import Policies
from deploy.manifests import read_documents
from integration.connector import REPOSITORY
from integration.rights import grants

POLICIES = Policies(REPOSITORY / "deploy" / "admission-policies.yaml")
@pytest.mark.parametrize("case", ORDINARY)
def test_what_is_done_every_day_passes(case: str) -> None:
    assert POLICIES.refusals(ORDINARY[case]) == []


@pytest.mark.parametrize("case", ATTACKS)
def test_each_attack_is_refused_as_forbidden(case: str) -> None:
    attack, policies = ATTACKS[case]
    found = POLICIES.refusals(attack)
    assert {refusal.policy for refusal in found} == {f"pbs-connector-{policy}" for policy in policies.split()}
    assert {refusal.reason for refusal in found} == {"Forbidden"}


def test_each_validation_is_what_refuses_some_attack() -> None:
    """A validation that no attack needs could be anything."""
    messages = {validation["message"] for policy in POLICIES.all for _, validation in policy.validations}
    alone = [POLICIES.refusals(attack) for attack, _ in ATTACKS.values()]
    assert messages == {found[0].message for found in alone if len(found) == 1}


# The file


def test_each_policy_is_bound_once_and_refuses() -> None:
    assert len(POLICIES.all) > 0
    assert [each["spec"] for each in POLICIES.bindings] == [
        {"policyName": policy.name, "validationActions": ["Deny"]} for policy in POLICIES.all]
    assert [each["metadata"]["name"] for each in POLICIES.bindings] == [policy.name for policy in POLICIES.all]


def policy_documents() -> list[Object]:
    text = (REPOSITORY / "deploy" / "admission-policies.yaml").read_text()
    return [each for each in read_documents(text) if each["kind"] == "ValidatingAdmissionPolicy"]


def test_the_user_is_the_one_that_has_the_binders_rights() -> None:
    rights = read_documents((REPOSITORY / "deploy" / "rbac.yaml").read_text())
    users = {user for user, rule, _ in grants(rights) if "pods/binding" in rule["resources"]}
    conditions = [each["expression"] for document in policy_documents()
                  for each in document["spec"].get("matchConditions", []) if "serviceaccount" in each["expression"]]
    assert users == {BINDER}
    assert {re.sub(" [!=]= ", " ", each) for each in conditions} == {f'request.userInfo.username "{BINDER}"'}


def test_the_places_to_edit_are_alike() -> None:
    values: dict[str, set[str]] = {}
    for document in policy_documents():
        for variable in document["spec"].get("variables", []):
            values.setdefault(variable["name"], set()).add(variable["expression"])
    assert values["schedulers"] == {'["pbs"]'}
    assert all(len(expressions) == 1 for expressions in values.values())


def test_the_rights_of_the_binder_are_all_under_a_policy() -> None:
    """A right that is given to the binder later needs a policy as well. `get` cannot have one."""
    rights = [document for file in ("rbac.yaml", "rbac-nodes.yaml")
              for document in read_documents((REPOSITORY / "deploy" / file).read_text())]
    operations = {"create": "CREATE", "patch": "UPDATE", "update": "UPDATE", "delete": "DELETE"}
    granted = {(resource, operations[verb]) for user, rule, _ in grants(rights) if user == BINDER
               for resource in rule["resources"] for verb in rule["verbs"] if verb != "get"}
    about_binder = [policy for policy in POLICIES.all if policy.name.startswith("pbs-connector-binder-")]
    covered = {(resource, operation) for policy in about_binder for rule in policy.rules
               for resource in rule["resources"] for operation in rule["operations"]}
    assert granted and granted <= covered


def written_keys() -> set[str]:
    """The keys under pbs-connector/ that the binder and the hooks put on pods."""
    names = (REPOSITORY / "Sources/Shared/Kubernetes/WellKnown.swift").read_text()
    constants = dict(re.findall(r'static let (\w+) = "(pbs-connector/[\w-]+)"', names))
    used = {name for file in (REPOSITORY / "Sources/binder").glob("*.swift")
            for name in re.findall(r"WellKnown\.(\w+)", file.read_text())}
    native = {value for name, value in constants.items() if name.startswith("nativeJob")}
    assert "jobID" in used and native
    return {value for name, value in constants.items() if name in used} | native


def test_every_key_that_we_write_is_protected() -> None:
    (document,) = [each for each in policy_documents() if each["metadata"]["name"] == "pbs-connector-protected-keys"]
    variables = {each["name"]: each["expression"] for each in document["spec"]["variables"]}
    listed = re.findall(r'"([^"]+)"', variables["jobKeys"] + variables["nativeJobKeys"])
    assert sorted(listed) == sorted(f"pbs-connector/{key}" for key in KEYS)
    assert written_keys() <= set(listed)


def test_each_policy_is_documented_and_no_other() -> None:
    text = (REPOSITORY / "docs" / "security.md").read_text()
    assert re.findall(r"^\| `(pbs-connector-[\w-]+)` \|", text, re.MULTILINE) == [policy.name for policy in POLICIES.all]
