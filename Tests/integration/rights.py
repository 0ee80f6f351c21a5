"""What RBAC manifests grant, and what was used of it, in the same words.

(Kubernetes: "Using RBAC Authorization". A right here is one verb on one resource, the
smallest that can be taken out of a rule.)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Iterator

from simulators.kubernetes import KubernetesSimulator

Document = dict[str, Any]


@dataclass(frozen=True)
class Right:
    """One verb on one resource ("pods/binding" for a subresource), for one user.

    `namespace` is None where it holds in all; `names` is empty where it holds for all objects.
    """

    user: str
    verb: str
    group: str
    resource: str
    namespace: str | None = None
    names: frozenset[str] = frozenset()

    def allows(self, use: Use) -> bool:
        return ((self.user, self.verb, self.group, self.resource) == (use.user, use.verb, use.group, use.resource)
                and self.namespace in (None, use.namespace) and (not self.names or use.name in self.names))


@dataclass(frozen=True)
class Use:
    """One request as an API server has recorded it. `resource` is empty for paths like /version, which `path` names."""

    user: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    path: str
    status: int
    user_agent: str


def service_account(namespace: str, name: str) -> str:
    """The user name of a ServiceAccount."""
    return f"system:serviceaccount:{namespace}:{name}"


def grants(documents: Iterable[Document]) -> Iterator[tuple[str, Document, str | None]]:
    """User, rule and namespace (None for all) of each rule that a binding gives to a ServiceAccount."""
    documents = list(documents)
    roles = {(document["kind"], document["metadata"]["name"]): document for document in documents if "rules" in document}
    for binding in documents:
        if "roleRef" not in binding:
            continue
        for subject in binding["subjects"]:
            if subject["kind"] != "ServiceAccount":
                raise ValueError(f"{binding['metadata']['name']} gives rights to a {subject['kind']}")
            for rule in roles[binding["roleRef"]["kind"], binding["roleRef"]["name"]]["rules"]:
                yield service_account(subject["namespace"], subject["name"]), rule, binding["metadata"].get("namespace")


def granted(documents: Iterable[Document]) -> set[Right]:
    """All rights that the manifests give to ServiceAccounts."""
    return {Right(user, verb, group, resource, namespace, frozenset(rule.get("resourceNames", ())))
            for user, rule, namespace in grants(documents)
            for verb in rule["verbs"] for group in rule["apiGroups"] for resource in rule["resources"]}


def never_used(rights: set[Right], uses: set[Use]) -> set[Right]:
    """Rights that no request needed."""
    return {right for right in rights if not any(right.allows(use) for use in uses)}


def too_wide(rights: set[Right], uses: set[Use]) -> set[Right]:
    """Rights in all namespaces that were used in a single one: a Role there would have done."""
    def namespaces(right: Right) -> set[str]:
        return {use.namespace for use in uses if right.allows(use)}

    return {right for right in rights
            if right.namespace is None and len(namespaces(right)) == 1 and namespaces(right) != {""}}


def not_granted(rights: set[Right], uses: set[Use]) -> set[Use]:
    """Requests that no right allows."""
    return {use for use in uses if use.resource and not any(right.allows(use) for right in rights)}


def recorded_by_simulator(kubernetes: KubernetesSimulator) -> set[Use]:
    """All requests that came to the simulator."""
    return {Use(entry.user, entry.verb, entry.group,
                f"{entry.resource}/{entry.subresource}" if entry.subresource else entry.resource,
                entry.namespace, entry.name, entry.target.partition("?")[0], entry.status, entry.user_agent)
            for entry in list(kubernetes.requests.entries)}


def recorded_by_audit(log: Path) -> set[Use]:
    """All requests in the audit log of a real API server (audit.k8s.io/v1 Event, one JSON object a line)."""
    uses: set[Use] = set()
    for line in log.read_text().splitlines():
        event = json.loads(line)
        reference = event.get("objectRef", {})
        resource = reference.get("resource", "")
        if "subresource" in reference:
            resource += "/" + reference["subresource"]
        # The name of a new object stands in its body, and RBAC does not see it.
        name = "" if event["verb"] == "create" and "subresource" not in reference else reference.get("name", "")
        uses.add(Use(event["user"]["username"], event["verb"], reference.get("apiGroup", ""), resource,
                     reference.get("namespace", ""), name, event["requestURI"].partition("?")[0],
                     event["responseStatus"]["code"], event.get("userAgent", "")))
    return uses
