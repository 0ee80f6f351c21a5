"""Decides on requests as an API server does by the ValidatingAdmissionPolicies of a file.

(Kubernetes: "Validating Admission Policy".) Of the kind there is what deploy/ uses: resource
rules by name, match conditions, variables and validations. A request is the `request` of an
AdmissionReview, admission.k8s.io/v1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from deploy.cel import CELError, Evaluation, Lazy, compile_expression
from deploy.manifests import read_documents

Object = dict[str, Any]

API_VERSION = "admissionregistration.k8s.io/v1"
SPEC_KEYS = {"failurePolicy", "matchConstraints", "matchConditions", "variables", "validations"}
VALIDATION_KEYS = {"expression", "message", "reason"}


@dataclass(frozen=True)
class Refusal:
    """What refuses a request: the policy, its words, and the reason of the Status that the client gets."""

    policy: str
    message: str
    reason: str


class Policy:
    """One ValidatingAdmissionPolicy. Its expressions are compiled at once, so that a bad one is found at once."""

    def __init__(self, document: Object) -> None:
        self.name: str = document["metadata"]["name"]
        spec = document["spec"]
        assert document["apiVersion"] == API_VERSION and document["kind"] == "ValidatingAdmissionPolicy"
        assert set(spec) <= SPEC_KEYS and spec["failurePolicy"] == "Fail", self.name
        assert set(spec["matchConstraints"]) == {"resourceRules"}, self.name
        self.rules: list[Object] = spec["matchConstraints"]["resourceRules"]
        self.conditions = [compile_expression(each["expression"]) for each in spec.get("matchConditions", [])]
        self.variables = {each["name"]: compile_expression(each["expression"]) for each in spec.get("variables", [])}
        self.validations: list[tuple[Evaluation, Object]] = []
        for each in spec["validations"]:
            assert set(each) == VALIDATION_KEYS, f"{self.name}: {each}"
            self.validations.append((compile_expression(each["expression"]), each))

    def matches(self, request: Object) -> bool:
        """Whether the rules name this operation and resource."""
        resource = request["resource"]
        name = "/".join(filter(None, [resource["resource"], request.get("subResource", "")]))
        return any(request["operation"] in rule["operations"] and resource["group"] in rule["apiGroups"]
                   and resource["version"] in rule["apiVersions"] and name in rule["resources"] for rule in self.rules)

    def refusals(self, request: Object) -> list[Refusal]:
        """The validations that this request fails. An expression that fails to evaluate refuses (failurePolicy Fail)."""
        if not self.matches(request):
            return []
        scope: dict[str, Any] = {"request": request, "object": request.get("object"), "oldObject": request.get("oldObject")}
        scope["variables"] = Lazy({name: partial(evaluation, scope) for name, evaluation in self.variables.items()})
        try:
            if not all(condition(scope) for condition in self.conditions):
                return []
        except CELError as error:
            return [Refusal(self.name, str(error), "Invalid")]
        found = []
        for evaluation, validation in self.validations:
            try:
                if evaluation(scope) is not True:
                    found.append(Refusal(self.name, validation["message"], validation["reason"]))
            except CELError as error:
                found.append(Refusal(self.name, str(error), "Invalid"))
        return found


class Policies:
    """The policies of a file that a binding puts in force."""

    def __init__(self, path: Path) -> None:
        documents = read_documents(path.read_text())
        self.all = [Policy(each) for each in documents if each["kind"] == "ValidatingAdmissionPolicy"]
        self.bindings: list[Object] = [each for each in documents if each["kind"] == "ValidatingAdmissionPolicyBinding"]
        bound = {each["spec"]["policyName"] for each in self.bindings if each["spec"]["validationActions"] == ["Deny"]}
        self.in_force = [policy for policy in self.all if policy.name in bound]

    def refusals(self, request: Object) -> list[Refusal]:
        return [refusal for policy in self.in_force for refusal in policy.refusals(request)]
