"""pbs_submit() and pbs_alterjob(): lists of attributes as what a job is to have."""

from __future__ import annotations

import re
from xml.sax.saxutils import unescape

from .. import errors
from ..errors import PBSError
from ..invocation import account
from ..job import split_variables
from ..selection import given
from ..server import PBSServer, Submission
from .call import Item
from .names import boolean, canonical, check_job_value, check_project, check_resources, check_settable

_ARGUMENT = re.compile(r"<jsdl-hpcpa:Argument>(.*?)</jsdl-hpcpa:Argument>", re.DOTALL)
# Attributes that have a place of their own in a submission.
_OWN = frozenset({"Job_Name", "Resource_List", "Variable_List", "Output_Path", "Error_Path", "executable", "argument_list",
                  "Submit_arguments", "Rerunable", "Hold_Types", "Priority", "project", "Execution_Time", "Submit_Host"})


def submission(server: PBSServer, uid: int, items: list[Item], script: str, destination: str) -> Submission:
    """A submission; raises what the library or the server refuses of it."""
    resources, attributes = _values(server, items)
    for name in attributes:
        check_settable(name)
    if "project" in attributes:
        check_project(attributes["project"])
    for name in ("array_indices_submitted", "interactive"):
        if name in attributes:
            raise PBSError(errors.NO_SUPPORT, f"the PBS simulator has no job arrays and no interactive jobs ({name})")
    user, group, home = account(uid)
    variables = attributes.get("Variable_List", "")
    execution_time = attributes.get("Execution_Time")
    return Submission(
        name=attributes.get("Job_Name", "none"), resources=resources, variables=variables, user=user, uid=uid, group=group,
        home=home, output_path=attributes.get("Output_Path"), error_path=attributes.get("Error_Path"),
        working_directory=_variable(variables, "PBS_O_WORKDIR"), queue=destination.split("@", 1)[0] or None,
        executable=attributes.get("executable"), arguments=_words(attributes.get("argument_list", "")), script=script or None,
        rerunable=boolean(attributes["Rerunable"]) if "Rerunable" in attributes else None,
        holds="".join(kind for kind in "uosp" if kind in attributes["Hold_Types"]) if "Hold_Types" in attributes else None,
        priority=int(attributes["Priority"]) if "Priority" in attributes else None, project=attributes.get("project"),
        execution_time=int(execution_time) if execution_time is not None else None,
        attributes={name: value for name, value in attributes.items() if name not in _OWN},
        submit_arguments=_words(attributes.get("Submit_arguments", "")))


def alteration(server: PBSServer, items: list[Item], manages: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Resources and attributes that are to change; raises what the library or the server refuses of them."""
    resources, attributes = _values(server, items, altering=True)
    for name in attributes:
        check_settable(name, manages)
    if "Rerunable" in attributes:
        attributes["Rerunable"] = "y" if boolean(attributes["Rerunable"]) else "n"
    return resources, attributes


def _values(server: PBSServer, items: list[Item], altering: bool = False) -> tuple[dict[str, str], dict[str, str]]:
    resources: dict[str, str] = {}
    attributes: dict[str, str] = {}
    for item, name in zip(items, canonical("job", items)):
        check_job_value(name, item)
        if item.resource is not None and name == "Resource_List":
            resources[item.resource] = item.value
        else:
            attributes[name] = item.value
    check_resources(server, given(resources) if altering else resources)
    return resources, attributes


def _words(xml: str) -> list[str]:
    """The words of a command line (decode_xml_arg_list())."""
    return [unescape(word) for word in _ARGUMENT.findall(xml)]


def _variable(variables: str, name: str) -> str | None:
    for item in split_variables(variables):
        key, _, value = item.partition("=")
        if key == name:
            return value
    return None
