"""Resource quantities: parsing, the errors of a bad one, and the canonical form.

Rules: k8s.io/apimachinery/pkg/api/resource/quantity.go. A quantity is never
finer than one nano unit; finer ones are rounded away from zero.
"""

from __future__ import annotations

import re
from fractions import Fraction

NANO = 10**9
_MILLI = NANO // 1000

_FORM = re.compile(r"^([+-]?)([0-9]*)(?:\.([0-9]*))?(.*)$", re.DOTALL)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_EXPONENT = re.compile(r"^[eE]([+-]?[0-9]+)$")

WRONG_FORM = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
WRONG_SUFFIX = "unable to parse quantity's suffix"


class BadQuantity(ValueError):
    """The text is no quantity; the message is the API server's."""


def _split(text: str) -> tuple[Fraction, str]:
    match = _FORM.match(text)
    if not text or match is None or not (match[2] or match[3]):
        raise BadQuantity(WRONG_FORM)
    sign, whole, fraction, suffix = match[1], match[2], match[3] or "", match[4]
    if suffix and not re.fullmatch(r"[eEinumkKMGTP]*[-+]?[0-9]*", suffix):
        raise BadQuantity(WRONG_FORM)
    value = Fraction(int((whole + fraction) or "0"), 10 ** len(fraction))
    return (-value if sign == "-" else value), suffix


def _in_nano(value: Fraction) -> int:
    scaled = abs(value) * NANO
    rounded = -((-scaled.numerator) // scaled.denominator)
    return rounded if value >= 0 else -rounded


def parse(text: str) -> int:
    """The value of a quantity in nano units, `500m` -> 500_000_000."""
    return _parse(text)[0]


def _parse(text: str) -> tuple[int, str]:
    """The value in nano units and the family of its suffix: binary, exponent or decimal."""
    value, suffix = _split(text)
    if suffix in _BINARY:
        return _in_nano(value * 2 ** _BINARY[suffix]), "binary"
    if suffix in _DECIMAL:
        return _in_nano(value * Fraction(10) ** _DECIMAL[suffix]), "decimal"
    exponent = _EXPONENT.match(suffix)
    if exponent and -(2**63) <= int(exponent[1]) < 2**63:
        # Go keeps 32 bits of it. What is beyond 60 is beyond all limits: not computed.
        power = (int(exponent[1]) + 2**31) % 2**32 - 2**31
        return _in_nano(value * Fraction(10) ** max(-60, min(power, 60))), "exponent"
    raise BadQuantity(WRONG_SUFFIX)


def canonical(text: str) -> str:
    """A quantity of a resource as the API server gives it back: `1000` -> `1k`, `1024Mi` -> `1Gi`, `0.5` -> `500m`.

    Resources are counted in thousandths, finer values are rounded up (SetDefaults_ResourceList in
    pkg/apis/core/v1/defaults.go).
    """
    nano, family = _parse(text)
    exponent = _EXPONENT.match(_split(text)[1])
    if exponent and not -(2**31) <= int(exponent[1]) < 2**31:
        return text  # Seen with Kubernetes 1.20.2.
    nano = -(-nano // _MILLI) * _MILLI
    if nano == 0:
        return "0"
    if family == "binary" and abs(nano) >= 1024 * NANO and nano % NANO == 0:
        value, power = nano // NANO, 0
        while value % 1024 == 0 and power < 60:
            value, power = value // 1024, power + 10
        return str(value) + next((suffix for suffix, bits in _BINARY.items() if bits == power), "")
    value, exponent = nano, -9
    while value % 1000 == 0 and exponent < 18:
        value, exponent = value // 1000, exponent + 3
    if family == "exponent":
        return str(value) + (f"e{exponent}" if exponent else "")
    return str(value) + next(suffix for suffix, power in _DECIMAL.items() if power == exponent)
