"""Amounts of resources, as PBS and Kubernetes write them."""
import math
import re
from fractions import Fraction
from typing import Dict, NamedTuple


# Kubernetes resource name -> amount: thousandths of a CPU for cpu, octets for memory and other
# sizes, plain numbers for the rest.
Amounts = Dict[str, int]
SIZE_UNITS = {"": 1, "k": 2 ** 10, "m": 2 ** 20, "g": 2 ** 30, "t": 2 ** 40, "p": 2 ** 50}
OCTETS_IN_WORD = 8


def parse_amount(text: str) -> int:
    """A whole number, or a size in octets (PBS reference guide, "size": number, optional
    k m g t p, then b for octets or w for words of 8)."""
    match = re.fullmatch(r"(\d+)(?:([kmgtp]?)([bw]))?", text.lower())
    if match is None:
        raise ValueError("%r is neither a number nor a PBS size" % text)
    number, unit, suffix = match.groups()
    return int(number) * SIZE_UNITS[unit or ""] * (OCTETS_IN_WORD if suffix == "w" else 1)


def format_amount(name: str, amount: int) -> str:
    """An amount as a Kubernetes quantity."""
    if name == "cpu":
        return str(amount // 1000) if amount % 1000 == 0 else "%dm" % amount
    if name == "memory" and amount % 1024 == 0:
        return "%dKi" % (amount // 1024)
    return str(amount)


# Kubernetes docs, "Quantity".
QUANTITY_SUFFIXES = {
    "n": Fraction(1, 10 ** 9), "u": Fraction(1, 10 ** 6), "m": Fraction(1, 1000), "": Fraction(1),
    "k": Fraction(10 ** 3), "M": Fraction(10 ** 6), "G": Fraction(10 ** 9),
    "T": Fraction(10 ** 12), "P": Fraction(10 ** 15), "E": Fraction(10 ** 18),
    "Ki": Fraction(2 ** 10), "Mi": Fraction(2 ** 20), "Gi": Fraction(2 ** 30),
    "Ti": Fraction(2 ** 40), "Pi": Fraction(2 ** 50), "Ei": Fraction(2 ** 60),
}


# An API server writes no quantity that is longer, and none beyond 2^63. Characters, and digits of an exponent.
LONGEST_QUANTITY = 64


def parse_quantity(name: str, text: str) -> int:
    """The amount that a Kubernetes quantity stands for, rounded up as Kubernetes does."""
    match = re.fullmatch(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]{1,2})?)|([+-]?[0-9.]+)([A-Za-z]{1,2})", str(text)[:LONGEST_QUANTITY + 1])
    if match is None or len(match.group()) > LONGEST_QUANTITY or match.group(3) and match.group(3) not in QUANTITY_SUFFIXES:
        raise ValueError("%r is no quantity" % str(text)[:LONGEST_QUANTITY])
    number = Fraction(match.group(1) or match.group(2)) * QUANTITY_SUFFIXES[match.group(3) or ""]
    return math.ceil(number * (1000 if name == "cpu" else 1))


class Held(NamedTuple):
    """What a job holds on this host."""
    amounts: Amounts
    exclusive: bool  # nothing else may run there: all that is free is to be reserved


def add(amounts: Amounts, others: Amounts, sign: int = 1) -> None:
    """Add amounts to others in place, or take them away."""
    for name, amount in others.items():
        amounts[name] = amounts.get(name, 0) + sign * amount


def describe(amounts: Amounts) -> str:
    """Amounts for a log line."""
    return ", ".join("%s %s" % (name, format_amount(name, amount)) for name, amount in amounts.items())
