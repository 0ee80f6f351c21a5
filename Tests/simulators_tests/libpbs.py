"""libpbs.so, the real one or the stand-in, through ctypes; alone a program that makes calls given as JSON lines.

    python3 libpbs.py /opt/pbs/lib/libpbs.so
    {"function": "pbs_connect", "arguments": [null]}                 -> {"result": 3, "errno": 0, "text": null}
    {"function": "pbs_statjob", "arguments": [3, "5", [["job_state"]], null]}

A list of attributes is a list of [name, resource, value, operator], of which only the name must be there.
Needs nothing of the tests, so that another user on another host can run it.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

# enum batch_op
EQ, NE, GE, GT, LE, LT = range(4, 10)

Objects = dict[str, list[tuple[str, "str | None", str]]]

_libc = ctypes.CDLL(None)
_libc.malloc.restype = ctypes.c_void_p
_libc.malloc.argtypes = [ctypes.c_size_t]
_libc.free.argtypes = [ctypes.c_void_p]


class _Attribute(ctypes.Structure):
    """attrl and attropl."""


_Attribute._fields_ = [("next", ctypes.POINTER(_Attribute)), ("name", ctypes.c_void_p), ("resource", ctypes.c_void_p),
                       ("value", ctypes.c_void_p), ("op", ctypes.c_int)]


class _Status(ctypes.Structure):
    """batch_status."""


_Status._fields_ = [("next", ctypes.POINTER(_Status)), ("name", ctypes.c_char_p), ("attribs", ctypes.POINTER(_Attribute)),
                    ("text", ctypes.c_char_p)]


class _NotDeleted(ctypes.Structure):
    """batch_deljob_status."""


_NotDeleted._fields_ = [("next", ctypes.POINTER(_NotDeleted)), ("name", ctypes.c_char_p), ("code", ctypes.c_int)]

_STRING, _LIST, _INT = ctypes.c_char_p, ctypes.POINTER(_Attribute), ctypes.c_int
_STATUS = ctypes.POINTER(_Status)
# Result and arguments of each function, as pbs_ifl.h declares them.
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "pbs_default": (_STRING, []),
    "pbs_connect": (_INT, [_STRING]),
    "pbs_connect_extend": (_INT, [_STRING, _STRING]),
    "pbs_disconnect": (_INT, [_INT]),
    "pbs_submit": (ctypes.c_void_p, [_INT, _LIST, _STRING, _STRING, _STRING]),
    "pbs_selstat": (_STATUS, [_INT, _LIST, _LIST, _STRING]),
    "pbs_selectjob": (ctypes.c_void_p, [_INT, _LIST, _STRING]),
    "pbs_statjob": (_STATUS, [_INT, _STRING, _LIST, _STRING]),
    "pbs_statque": (_STATUS, [_INT, _STRING, _LIST, _STRING]),
    "pbs_statvnode": (_STATUS, [_INT, _STRING, _LIST, _STRING]),
    "pbs_stathost": (_STATUS, [_INT, _STRING, _LIST, _STRING]),
    "pbs_statserver": (_STATUS, [_INT, _LIST, _STRING]),
    "pbs_deljob": (_INT, [_INT, _STRING, _STRING]),
    "pbs_deljoblist": (ctypes.POINTER(_NotDeleted), [_INT, ctypes.POINTER(_STRING), _INT, _STRING]),
    "pbs_alterjob": (_INT, [_INT, _STRING, _LIST, _STRING]),
    "pbs_movejob": (_INT, [_INT, _STRING, _STRING, _STRING]),
    "pbs_holdjob": (_INT, [_INT, _STRING, _STRING, _STRING]),
    "pbs_rlsjob": (_INT, [_INT, _STRING, _STRING, _STRING]),
    "pbs_sigjob": (_INT, [_INT, _STRING, _STRING, _STRING]),
    "pbs_manager": (_INT, [_INT, _INT, _INT, _STRING, _LIST, _STRING]),
    "pbs_geterrmsg": (_STRING, [_INT]),
    "pbs_statfree": (None, [_STATUS]),
    "__pbs_errno_location": (ctypes.POINTER(_INT), []),
}


class Libpbs:
    """A loaded library; `call` takes and gives what JSON can hold."""

    def __init__(self, path: str) -> None:
        self._library = ctypes.CDLL(path)
        for name, (result, arguments) in FUNCTIONS.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments
        self._errno = getattr(self._library, "__pbs_errno_location")

    def call(self, name: str, *arguments: Any) -> tuple[Any, int, str | None]:
        """The result, pbs_errno and the text of the connection, which is the first argument of most."""
        types = FUNCTIONS[name][1]
        if name == "pbs_deljoblist":
            connection, ids, extend = arguments
            words = (_STRING * (len(ids) + 1))(*[_octets(job_id) for job_id in ids], None)
            given: list[Any] = [connection, words, len(ids), _octets(extend)]
        else:
            given = [_given(kind, argument) for kind, argument in zip(types, arguments, strict=True)]
        self._errno()[0] = 0
        result = getattr(self._library, name)(*given)
        number = self._errno()[0]
        has_connection = types[:1] == [_INT] and name != "pbs_disconnect"
        said = self._library.pbs_geterrmsg(arguments[0]) if has_connection and arguments[0] >= 0 else None
        for kind, argument in zip(types, given):
            if kind is _LIST and argument is not None:
                _free(argument)
        return self._result(name, result), number, _text(said)

    def _result(self, name: str, result: Any) -> Any:
        if name == "pbs_submit" and result:
            job_id = ctypes.string_at(result)
            _libc.free(result)
            return _text(job_id)
        if name == "pbs_selectjob" and result:
            ids, index = ctypes.cast(result, ctypes.POINTER(ctypes.c_char_p)), 0
            found: list[str | None] = []
            while ids[index] is not None:
                found.append(_text(ids[index]))
                index += 1
            return found
        if isinstance(result, _STATUS):
            if not result:
                return None
            objects = _objects(result)
            self._library.pbs_statfree(result)
            return objects
        if isinstance(result, ctypes.POINTER(_NotDeleted)):
            codes: list[tuple[str | None, int]] = []
            while result:
                codes.append((_text(result.contents.name), result.contents.code))
                result = result.contents.next
            return codes
        return _text(result) if isinstance(result, bytes) else result


def _octets(text: str | None) -> bytes | None:
    return None if text is None else text.encode(errors="surrogateescape")


def _text(octets: bytes | None) -> str | None:
    return None if octets is None else octets.decode(errors="surrogateescape")


def _given(kind: Any, argument: Any) -> Any:
    if kind is _LIST:
        return _attributes(argument)
    return _octets(argument) if kind is _STRING else argument


def _allocated(text: str | None) -> int | None:
    """A string from malloc, which the library may free and replace."""
    octets = _octets(text)
    if octets is None:
        return None
    place = _libc.malloc(len(octets) + 1)
    ctypes.memmove(place, octets + b"\0", len(octets) + 1)
    return int(place)


def _attributes(items: list[list[Any]] | None) -> Any:
    """A list of attributes; the array holds all of them."""
    if not items:
        return None
    array = (_Attribute * len(items))()
    for index, item in enumerate(items):
        name, resource, value, op = [*item, *[None, None, 0][len(item) - 1:]]
        array[index] = _Attribute(name=_allocated(name), resource=_allocated(resource), value=_allocated(value), op=op)
        if index:
            array[index - 1].next = ctypes.pointer(array[index])
    return array


def _free(array: Any) -> None:
    for item in array:
        for place in (item.name, item.resource, item.value):
            _libc.free(place)


def _objects(status: Any) -> Objects:
    objects: Objects = {}
    while status:
        attributes: list[tuple[str, str | None, str]] = []
        attribute = status.contents.attribs
        while attribute:
            fields = attribute.contents
            name, resource, value = (_text(ctypes.string_at(place)) if place else None
                                     for place in (fields.name, fields.resource, fields.value))
            attributes.append((name or "", resource, value or ""))
            attribute = fields.next
        objects[_text(status.contents.name) or ""] = attributes
        status = status.contents.next
    return objects


def main() -> None:
    """Makes each call that stands in a line of standard input."""
    library = Libpbs(sys.argv[1])
    for line in sys.stdin:
        call = json.loads(line)
        result, number, text = library.call(call["function"], *call["arguments"])
        print(json.dumps({"result": result, "errno": number, "text": text}), flush=True)


if __name__ == "__main__":
    main()
