"""Who a request is from, and what that user may do: bearer tokens, client certificates, RBAC rules.

The texts of refusals are those of the recordings unauthorized.txt and forbidden.txt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import errors
from .errors import APIError
from .requests import RequestInfo

MASTERS = "system:masters"
ANONYMOUS = "system:anonymous"
NODE_PREFIX = "system:node:"
# What the default role bindings system:public-info-viewer and system:discovery open to everybody
# and to every user with a credential.
_PUBLIC_PATHS = ("/healthz", "/livez", "/readyz", "/version")
_DISCOVERY_PATHS = ("/api", "/apis", "/openapi", *_PUBLIC_PATHS)


@dataclass(frozen=True)
class User:
    """A user name with its groups, as authentication has found them."""

    name: str
    groups: frozenset[str] = frozenset()


Tokens = Mapping[str, "str | User | tuple[str, Iterable[str]]"]


@dataclass(frozen=True)
class Grant:
    """One item of a Role's or ClusterRole's `rules`; namespace None holds in all namespaces."""

    namespace: str | None
    groups: frozenset[str]
    resources: frozenset[str]
    verbs: frozenset[str]
    names: frozenset[str]
    paths: frozenset[str] = field(default=frozenset())

    @classmethod
    def from_rule(cls, rule: Mapping[str, Any], namespace: str | None) -> Grant:
        return cls(namespace, frozenset(rule.get("apiGroups") or ()), frozenset(rule.get("resources") or ()),
                   frozenset(rule.get("verbs") or ()), frozenset(rule.get("resourceNames") or ()),
                   frozenset(rule.get("nonResourceURLs") or ()))

    def allows(self, info: RequestInfo) -> bool:
        if not self.verbs & {info.verb, "*"}:
            return False
        if not info.resource:
            return any(path == info.path or path.endswith("*") and info.path.startswith(path[:-1])
                       for path in self.paths)
        wanted = {info.resource_and_subresource, "*"}
        if info.subresource:
            wanted.add(f"*/{info.subresource}")
        return (self.namespace in (None, info.namespace) and bool(self.groups & {info.group, "*"})
                and bool(self.resources & wanted) and (not self.names or info.name in self.names))


class Access:
    """Authentication and authorisation.

    Without tokens every request without a client certificate is an
    administrator's. A user without rules may do everything, unless `rbac`
    is set: then only members of system:masters may.
    """

    def __init__(self, tokens: Tokens | None, rbac: bool) -> None:
        self.rbac = rbac
        self.tokens = {token: _user(value) for token, value in (tokens or {}).items()} if tokens is not None else None
        self._grants: dict[str, list[Grant]] = {}

    def authorise(self, user: str, rules: Iterable[Mapping[str, Any]], namespace: str | None) -> None:
        self._grants.setdefault(user, []).extend(Grant.from_rule(rule, namespace) for rule in rules)

    def know_token(self, token: str, user: str) -> None:
        """A token that was issued meanwhile."""
        self.tokens = {**(self.tokens or {}), token: _user(user)}

    def forget_token(self, token: str) -> None:
        """A token that has expired or was revoked."""
        self.tokens = {known: user for known, user in (self.tokens or {}).items() if known != token}

    def user(self, authorization: str | None, certificate: User | None) -> User:
        """The user behind a request; 401 for a token that nobody has."""
        if self.tokens is None:
            return certificate or User("admin", frozenset({MASTERS}))
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() == "bearer" and token:
            if token.strip() not in self.tokens:
                raise errors.unauthorized()
            return self.tokens[token.strip()]
        return certificate or User(ANONYMOUS, frozenset({"system:unauthenticated"}))

    def check(self, user: User, info: RequestInfo) -> None:
        """403 unless the user may do this."""
        if MASTERS in user.groups or self._is_open(user, info):
            return
        grants = self._grants.get(user.name)
        if grants is None and not self.rbac and user.name != ANONYMOUS:
            return
        if not any(grant.allows(info) for grant in grants or ()):
            raise refusal(user, info)

    @staticmethod
    def _is_open(user: User, info: RequestInfo) -> bool:
        if info.resource or info.verb != "get":
            return False
        paths = _PUBLIC_PATHS if user.name == ANONYMOUS else _DISCOVERY_PATHS
        return any(info.path == path or info.path.startswith(path + "/") for path in paths)


def _user(value: str | User | tuple[str, Iterable[str]]) -> User:
    if isinstance(value, User):
        return value
    return User(value) if isinstance(value, str) else User(value[0], frozenset(value[1]))


def refusal(user: User, info: RequestInfo) -> APIError:
    """The 403 of the authoriser."""
    if not info.resource:
        return errors.forbidden("", "", "", f'User "{user.name}" cannot {info.verb} path "{info.path}"')
    where = f'in the namespace "{info.namespace}"' if info.namespace else "at the cluster scope"
    return errors.forbidden(info.resource, info.group, info.name,
                            f'User "{user.name}" cannot {info.verb} resource "{info.resource_and_subresource}" '
                            f'in API group "{info.group}" {where}')


def check_node_restriction(user: User, pod_name: str, node_name: str) -> None:
    """The admission plugin NodeRestriction: a kubelet deletes pods of its own node only."""
    if user.name.startswith(NODE_PREFIX):
        own = user.name.removeprefix(NODE_PREFIX)
        if node_name != own:
            raise errors.forbidden("pods", "", pod_name,
                                   f'node "{own}" can only delete pods with spec.nodeName set to itself')
