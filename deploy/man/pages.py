"""The manual pages: one for each program, and one for its configuration."""

from __future__ import annotations

import re
from typing import Any

from roff import escaped, from_markdown, header, heading, inline, literal, tagged

MANUAL = "PBS connector"
FILES = """
| file | |
|---|---|
| `/etc/pbs-connector/config.yaml` | the settings: pbs-connector-config(5) |
| `/run/pbs-connector/` | the sockets of kube-watcher and pbs-broker |
| `/usr/share/doc/pbs-connector/` | all about the connector: README.md, and docs/operations.md where something is wrong |
"""
EXIT_STATUS = """
0 after SIGTERM, 1 for what can never work (a line on standard error says what), 64 for a flag that is not known or lacks
its value.
"""
PAGES = ("kube-watcher(8)", "pbs-broker(8)", "binder(8)", "pbs-connector-config(5)", "pbs-connector-setup(8)", "pbs-connector-hooks(8)",
         "kubectl-pbs(1)")


def see_also(own: str) -> str:
    return heading("See also") + ",\n".join(
        rf"\fB{escaped(page.partition('(')[0])}\fR({page[-2]})" for page in PAGES if page.partition("(")[0] != own) + "\n"


def option_names(argument: dict[str, Any]) -> str:
    """How an option is written: its names, and what it takes."""
    names = [("--" if name["kind"] == "long" else "-") + name["name"] for name in argument.get("names", [])]
    names.sort(key=len)
    tag = ", ".join(rf"\fB{escaped(name)}\fR" for name in names)
    if argument["kind"] == "option":
        tag += rf" \fI{escaped(argument['valueName'])}\fR" + ("..." if argument["isRepeating"] else "")
    return tag


def usage(name: str, command: dict[str, Any]) -> str:
    parts = [option_names(argument) for argument in command.get("arguments", []) if shown(argument)]
    optional = [argument["isOptional"] for argument in command.get("arguments", []) if shown(argument)]
    words = [f"[{part}]" if free else part for part, free in zip(parts, optional)]
    return "\n".join([".PP", rf"\fB{escaped(name)}\fR", *words]) + "\n"


def shown(argument: dict[str, Any]) -> bool:
    return bool(argument.get("shouldDisplay", True))


def options(command: dict[str, Any]) -> str:
    return "".join(tagged(option_names(argument), inline(meaning(argument)))
                   for argument in command.get("arguments", []) if shown(argument))


def meaning(argument: dict[str, Any]) -> str:
    """What an option does, with its default, which most options' words name themselves."""
    words, default = argument.get("abstract", ""), argument.get("defaultValue")
    return words if default is None or "default:" in words else f"{words} (default: {default})"


def command_page(command: dict[str, Any], version: str) -> str:
    """The page of a program that tells of itself as swift-argument-parser does."""
    name = command["commandName"]
    below = [each for each in command.get("subcommands", []) if each["commandName"] != "help" and shown(each)]
    text = header(name, 8, version, MANUAL)
    text += heading("Name") + f"{escaped(name)} \\- {escaped(command['abstract'].rstrip('.'))}\n"
    text += heading("Synopsis") + usage(name, command)
    text += "".join(usage(f"{name} {each['commandName']}", each) for each in below)
    text += heading("Description") + f"{inline(command['abstract'])}\n"
    if command.get("discussion"):
        text += from_markdown(command["discussion"], 1)
    text += heading("Options") + options(command)
    for each in below:
        text += heading(f"{name} {each['commandName']}") + f"{inline(each['abstract'])}\n"
        text += from_markdown(each.get("discussion", ""), 1) + options(each)
    text += heading("Exit status") + inline(" ".join(EXIT_STATUS.split())) + "\n"
    return text + heading("Files") + from_markdown(FILES, 1) + see_also(name)


def help_page(name: str, section: int, printed: str, version: str) -> str:
    """The page of a program of Python's argparse, from what --help prints."""
    used, _, rest = printed.partition("\n\n")
    words, *groups = re.split(r"^(?:positional arguments|optional arguments|options):\n", rest, flags=re.MULTILINE)
    abstract = " ".join(words.split("\n\n")[0].split()).rstrip(".")
    # Behind "usage:" stands what the program is called by, in one word or two.
    _, bracket, arguments = " ".join(used.split()).partition(" [")
    text = header(name, section, version, MANUAL)
    text += heading("Name") + f"{escaped(name)} \\- {escaped(abstract)}\n"
    text += heading("Synopsis") + f".PP\n{escaped(name.replace('kubectl-', 'kubectl ') + bracket + arguments)}\n"
    text += heading("Description") + from_markdown(words, 1) + heading("Options")
    text += "".join(literal([each[2:] for each in group.rstrip().splitlines()]) for group in groups)
    return text + see_also(name)


def settings_page(markdown: str, version: str) -> str:
    """The page of the configuration, from docs/configuration.md."""
    title = "pbs-connector-config"
    _, _, body = markdown.partition("\n")
    text = header(title, 5, version, MANUAL)
    text += heading("Name") + rf"{escaped(title)}, config.yaml \- settings of kube\-watcher, pbs\-broker and binder" + "\n"
    text += heading("Synopsis") + "/etc/pbs\\-connector/config.yaml\n" + heading("Description")
    return text + from_markdown(body, 2) + see_also(title)
