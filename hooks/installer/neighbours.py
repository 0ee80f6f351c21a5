"""Other hooks of the same events, and the order that PBS runs all of them in."""
from typing import Dict, Iterable, List, NamedTuple, Optional

from .hooks import HOOKS, HOST_HOOK, Hook

# Every hook of an event is run, those of lower order first. What the last one sets of resources_used is what
# PBS shows, so that the host's hook comes after those that account for the placeholder: PBS's own pbs_cgroups
# has 100, an imported hook PBS's default.
DEFAULT_ORDER = 1
LEAST_ORDER = 200
# The highest that PBS takes.
HIGHEST_ORDER = 1000
# The events at which resources_used is set.
ACCOUNTING = {"execjob_epilogue", "exechost_periodic"}


class Neighbour(NamedTuple):
    """A hook of the server, ours or another's, on events that one of ours has."""
    name: str
    order: int
    events: List[str]  # the common ones
    enabled: bool

    def __str__(self) -> str:
        """For one line of a list."""
        return "%s (order %d%s): %s" % (self.name, self.order, "" if self.enabled else ", switched off",
                                        ", ".join(self.events))


def order_of(attributes: Dict[str, str]) -> int:
    """A hook's order."""
    text = attributes.get("order", "")
    return int(text) if text.lstrip("-").isdigit() else DEFAULT_ORDER


def neighbours(hook: Hook, installed: Dict[str, Dict[str, str]]) -> List[Neighbour]:
    """All hooks on events of one of ours, itself included, in the order that PBS runs them."""
    own = hook.attributes["event"].split(",")
    found = []
    for name, attributes in installed.items():
        events = attributes.get("event", "").replace(" ", "").split(",")
        common = [event for event in own if event in events]
        if common:
            found.append(Neighbour(name, order_of(attributes), common, attributes.get("enabled") != "false"))
    return sorted(found, key=lambda neighbour: (neighbour.order, neighbour.name))


def later_accountants(installed: Dict[str, Dict[str, str]], order: int) -> List[Neighbour]:
    """Hooks that may set resources_used after ours would in this order. Equal orders count: PBS says nothing
    about which of them comes first."""
    return [other for other in neighbours(HOST_HOOK, installed)
            if other.name != HOST_HOOK.name and ACCOUNTING.intersection(other.events) and other.order >= order]


def wanted_order(installed: Dict[str, Dict[str, str]]) -> int:
    """The order for the host's hook: the one that it has, where that comes after all hooks that may set
    resources_used, else the least that does."""
    present: Optional[Dict[str, str]] = installed.get(HOST_HOOK.name)
    if present is not None and order_of(present) >= LEAST_ORDER and not later_accountants(installed, order_of(present)):
        return order_of(present)
    highest = max([other.order for other in later_accountants(installed, LEAST_ORDER)], default=LEAST_ORDER - 1)
    return min(highest + 1, HIGHEST_ORDER)


def described(installed: Dict[str, Dict[str, str]]) -> List[str]:
    """Lines that say which hooks share events with ours, in the order that PBS runs them."""
    lines = []
    for hook in HOOKS:
        found = neighbours(hook, installed)
        if any(neighbour.name != hook.name for neighbour in found):
            lines.append("hooks on the events of %s, in the order that PBS runs them:" % hook.name)
            lines += ["    " + str(neighbour) for neighbour in found]
        else:
            lines.append("no other hook is on the events of %s" % hook.name)
    return lines


# pbs_cgroups adds this resource to what a job has used, and makes the server know it only when MoM starts.
# Until then the server refuses a job's usage as a whole, ours and walltime included.
DIAGNOSTICS = "diag_messages"


def complaints(installed: Dict[str, Dict[str, str]], resources: Iterable[str]) -> List[str]:
    """What is wrong with the hooks as the server has them, a line each; `resources` are the names
    of its custom resources."""
    lines = []
    for hook in HOOKS:
        attributes = installed.get(hook.name)
        if attributes is None:
            lines.append("hook %s is not installed" % hook.name)
        elif attributes.get("enabled") == "false":
            lines.append("hook %s is switched off: qmgr -c \"set hook %s enabled = true\"" % (hook.name, hook.name))
    if installed.get("pbs_cgroups", {}).get("enabled") == "true" and DIAGNOSTICS not in resources:
        lines.append("hook pbs_cgroups is on, and the server knows no resource %s yet, so that it refuses all that jobs "
                     "have used: qmgr -c \"create resource %s type=string\"" % (DIAGNOSTICS, DIAGNOSTICS))
    present = installed.get(HOST_HOOK.name)
    if present is not None:
        order = order_of(present)
        wanted = wanted_order(installed)
        for other in [each for each in later_accountants(installed, order) if each.enabled]:
            cure = ("qmgr -c \"set hook %s order = %d\"" % (HOST_HOOK.name, wanted) if wanted > other.order
                    else "give it a lower order")
            lines.append("hook %s (order %d) runs after %s (order %d) and may overwrite what pods used: %s" % (
                other.name, other.order, HOST_HOOK.name, order, cure))
    return lines
