"""The three kinds of PATCH: merge patch, strategic merge patch, JSON patch.

No function changes its arguments: stored objects are shared with watchers and
snapshots. Parts that a patch leaves alone are shared between old and new.
"""

from __future__ import annotations

from typing import Any

from .errors import APIError, bad_request

Json = Any

MERGE = "application/merge-patch+json"
STRATEGIC_MERGE = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
ACCEPTED = (JSON_PATCH, MERGE, STRATEGIC_MERGE)

# patchMergeKey of the lists in core/v1 that have `patchStrategy: merge`. A list
# that is not here (tolerations, taints, command, args) is replaced as a whole.
MERGE_KEYS: dict[str, str] = {
    "conditions": "type",
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "podIPs": "ip",
    "hostIPs": "ip",
    "addresses": "type",
    "ownerReferences": "uid",
    "schedulingGates": "name",
    "resourceClaims": "name",
    "topologySpreadConstraints": "topologyKey",
}
MERGED_PRIMITIVE_LISTS = frozenset({"finalizers", "podCIDRs"})


def merge(original: Json, patch: Json) -> Json:
    """RFC 7386 merge patch."""
    if not isinstance(patch, dict):
        return patch
    result = dict(original) if isinstance(original, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic_merge(original: Json, patch: Json) -> Json:
    """Strategic merge patch, with `$patch`, `$setElementOrder`, `$deleteFromPrimitiveList` and `$retainKeys`."""
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    result = dict(original) if isinstance(original, dict) else {}
    if "$retainKeys" in patch:
        result = {key: value for key, value in result.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            result.pop(key, None)
        elif isinstance(value, list):
            result[key] = _merge_list(key, result.get(key) or [], value, patch.get(f"$setElementOrder/{key}"))
        elif isinstance(value, dict):
            result[key] = strategic_merge(result.get(key), value)
        else:
            result[key] = value
    for key, value in patch.items():
        directive, _, target = key.partition("/")
        if directive == "$deleteFromPrimitiveList" and target in result:
            result[target] = [item for item in result[target] if item not in value]
        elif directive == "$setElementOrder" and target not in patch and isinstance(result.get(target), list):
            result[target] = _in_order(target, result[target], result[target], value)
    return result


def _merge_list(name: str, original: list[Json], patch: list[Json], order: list[Json] | None) -> list[Json]:
    if name in MERGED_PRIMITIVE_LISTS:
        merged = original + [item for item in patch if item not in original]
        return _in_order(name, merged, original, order or patch)
    key = MERGE_KEYS.get(name)
    if key is None:
        return patch
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if item.get("$patch") != "replace"]
    merged = list(original)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        index = next((i for i, old in enumerate(merged) if old.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            merged = [old for old in merged if old.get(key) != item[key]]
        elif index is None:
            merged.append(strategic_merge({}, item))
        else:
            merged[index] = strategic_merge(merged[index], item)
    return _in_order(name, merged, original, order or patch)


def _in_order(name: str, merged: list[Json], original: list[Json], wanted: list[Json]) -> list[Json]:
    """The order of a merged list (strategicpatch/patch.go, normalizeElementOrder and mergeSortedSlice).

    Elements that the patch speaks of come in the order it wants; the others are
    put among them where the original order allows. So a new element comes first.
    """
    key = MERGE_KEYS.get(name)

    def identity(item: Json) -> Json:
        return item.get(key) if isinstance(item, dict) and key else item

    places = [identity(item) for item in wanted]
    before = [identity(item) for item in original]
    spoken_of = sorted((item for item in merged if identity(item) in places),
                       key=lambda item: places.index(identity(item)))
    others = [item for item in merged if identity(item) not in places]
    result: list[Json] = []
    for item in others:
        while spoken_of and not (identity(spoken_of[0]) in before
                                 and before.index(identity(item)) < before.index(identity(spoken_of[0]))):
            result.append(spoken_of.pop(0))
        result.append(item)
    return result + spoken_of


def json_patch(original: Json, operations: Json) -> Json:
    """RFC 6902 JSON patch."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document = original
    for operation in operations:
        try:
            document = _apply_operation(document, operation)
        except (KeyError, IndexError, TypeError, ValueError):
            raise _refused() from None
    return document


def _refused() -> APIError:
    return APIError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def _apply_operation(document: Json, operation: dict[str, Json]) -> Json:
    kind, path = operation["op"], _pointer(operation["path"])
    if kind == "test":
        if _get(document, path) != operation.get("value"):
            raise ValueError("test failed")
        return document
    if kind == "add":
        return _set(document, path, operation["value"], insert=True)
    if kind == "replace":
        _get(document, path)
        return _set(document, path, operation["value"], insert=False)
    if kind == "remove":
        return _remove(document, path)
    source = _pointer(operation["from"])
    value = _get(document, source)
    if kind == "move":
        return _set(_remove(document, source), path, value, insert=True)
    if kind == "copy":
        return _set(document, path, value, insert=True)
    raise ValueError(f"unknown operation {kind}")


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError("a JSON pointer starts with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _get(document: Json, path: list[str]) -> Json:
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _set(document: Json, path: list[str], value: Json, insert: bool) -> Json:
    if not path:
        return value
    part, rest = path[0], path[1:]
    if isinstance(document, list):
        items = list(document)
        if rest:
            items[int(part)] = _set(items[int(part)], rest, value, insert)
        elif part == "-":
            items.append(value)
        elif insert:
            if int(part) > len(items):
                raise IndexError(part)
            items.insert(int(part), value)
        else:
            items[int(part)] = value
        return items
    if not isinstance(document, dict):
        raise TypeError("not a container")
    return {**document, part: _set(document[part], rest, value, insert) if rest else value}


def _remove(document: Json, path: list[str]) -> Json:
    part, rest = path[0], path[1:]
    if isinstance(document, list):
        items = list(document)
        if rest:
            items[int(part)] = _remove(items[int(part)], rest)
        else:
            del items[int(part)]
        return items
    if part not in document:
        raise KeyError(part)
    if rest:
        return {**document, part: _remove(document[part], rest)}
    return {key: value for key, value in document.items() if key != part}
