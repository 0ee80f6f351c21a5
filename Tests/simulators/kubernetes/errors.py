"""Failures as the Kubernetes API words them: the Status object and its HTTP code.

Texts follow k8s.io/apimachinery/pkg/api/errors and the recordings of real API servers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class APIError(Exception):
    """A request that ends in a Status with `status: Failure`."""

    code: int
    reason: str
    message: str
    details: dict[str, Any] | None = None
    list_metadata: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code} {self.reason}: {self.message}"

    def status(self) -> dict[str, Any]:
        """The Status object, keys in the order in which the real server writes them."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.list_metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


@dataclass(frozen=True)
class FieldProblem:
    """One finding of validation (k8s.io/apimachinery/pkg/util/validation/field)."""

    path: str
    reason: str
    text: str

    @property
    def cause(self) -> dict[str, str]:
        return {"reason": self.reason, "message": self.text, "field": self.path}


def qualified(resource: str, group: str) -> str:
    """`pods`, `leases.coordination.k8s.io`: a resource with its API group."""
    return f"{resource}.{group}" if group else resource


def object_details(name: str, kind: str, group: str = "") -> dict[str, Any]:
    """The `details` of a Status that speaks about one object."""
    details: dict[str, Any] = {"name": name} if name else {}
    if group:
        details["group"] = group
    if kind:
        details["kind"] = kind
    return details


def bad_request(message: str) -> APIError:
    return APIError(400, "BadRequest", message)


def unauthorized() -> APIError:
    return APIError(401, "Unauthorized", "Unauthorized")


def forbidden(resource: str, group: str, name: str, why: str) -> APIError:
    subject = qualified(resource, group) + (f' "{name}"' if name else "")
    message = f"{subject} is forbidden: {why}" if resource else f"forbidden: {why}"
    return APIError(403, "Forbidden", message, object_details(name, resource, group))


def not_found(resource: str, group: str, name: str) -> APIError:
    return APIError(404, "NotFound", f'{qualified(resource, group)} "{name}" not found',
                    object_details(name, resource, group))


def no_such_resource() -> APIError:
    return APIError(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> APIError:
    return APIError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def already_exists(resource: str, group: str, name: str) -> APIError:
    return APIError(409, "AlreadyExists", f'{qualified(resource, group)} "{name}" already exists',
                    object_details(name, resource, group))


def conflict(resource: str, group: str, name: str, why: str) -> APIError:
    return APIError(409, "Conflict",
                    f'Operation cannot be fulfilled on {qualified(resource, group)} "{name}": {why}',
                    object_details(name, resource, group))


def modified_meanwhile(resource: str, group: str, name: str) -> APIError:
    return conflict(resource, group, name,
                    "the object has been modified; please apply your changes to the latest version and try again")


def wrong_uid_in_storage(resource: str, group: str, key: str, name: str, wanted: str, found: str) -> APIError:
    """A UID precondition that storage found unmet (recorded in 1.36/binding-wrong-uid.txt)."""
    return conflict(resource, group, name,
                    f"StorageError: invalid object, Code: 4, Key: /registry/{resource}/{key}, ResourceVersion: 0, "
                    f"AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, "
                    f"UID in object meta: {found}")


def invalid(kind: str, group: str, name: str, problems: list[FieldProblem]) -> APIError:
    """A 422 with one cause a problem; the message lists different ones in brackets, as Go's aggregate error does."""
    details = object_details(name, kind, group)
    details["causes"] = [problem.cause for problem in problems]
    return APIError(422, "Invalid", f'{qualified(kind, group)} "{name}" is invalid: {_aggregate(problems)}', details)


def unwrapped(problems: list[FieldProblem]) -> APIError:
    """Findings that the server hands back as they are, so that it makes a 500 of them (a Binding's target)."""
    return APIError(500, "", _aggregate(problems))


def _aggregate(problems: list[FieldProblem]) -> str:
    words = list(dict.fromkeys(f"{problem.path}: {problem.text}" for problem in problems))
    return words[0] if len(words) == 1 else "[" + ", ".join(words) + "]"


def unsupported_patch_type() -> APIError:
    """The answer of the router, before anything of the API sees a PATCH."""
    return APIError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def unsupported_media_type(accepted: tuple[str, ...]) -> APIError:
    return APIError(415, "UnsupportedMediaType",
                    "the body of the request was in an unknown format - accepted media types include: "
                    + ", ".join(accepted), {})


def expired(message: str, continue_token: str | None = None) -> APIError:
    """410: a resourceVersion that compaction has removed."""
    return APIError(410, "Expired", message, None, {"continue": continue_token} if continue_token else {})


def too_large_resource_version(wanted: int, current: int) -> APIError:
    """A list at a resourceVersion that the server has not seen yet (apiserver/pkg/storage/errors.go)."""
    text = f"Too large resource version: {wanted}, current: {current}"
    return APIError(504, "Timeout", f"Timeout: {text}",
                    {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                     "retryAfterSeconds": 1})


def internal_error(why: str) -> APIError:
    return APIError(500, "InternalError", f"Internal error occurred: {why}", {"causes": [{"message": why}]})


def service_unavailable() -> APIError:
    return APIError(503, "ServiceUnavailable", "the server is currently unable to handle the request", {})
