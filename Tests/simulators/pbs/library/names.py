"""Which attributes there are, and what the real library and server refuse of them.

Source: OpenPBS src/lib/Libattr/master_*_attr_def.xml, src/lib/Libecl/ecl_verify.c and
ecl_verify_values.c. Errors found by the library itself name no attribute in their text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .. import errors
from ..errors import TEXTS, PBSError
from ..selection import check_request
from ..server import PBSServer
from .call import Item

# Attributes of a job that its submitter may set (READ_WRITE, or ATR_DFLAG_Creat).
_SETTABLE = (
    "Job_Name Account_Name Checkpoint depend Error_Path Execution_Time group_list Hold_Types interactive Join_Path Keep_Files "
    "Mail_Points Mail_Users no_stdio_sockets Output_Path Priority Remove_Files Rerunable Resource_List Shell_Path_List sandbox "
    "stagein stageout User_List Variable_List gridname umask block cred run_count Submit_arguments executable argument_list "
    "array_indices_submitted project release_nodes_on_stageout tolerate_node_failures Submit_Host credential_id "
    "create_resv_from_job max_run_subjobs").split()
_READ_ONLY = (
    "Job_Owner resources_used job_state resv queue server ctime exec_host exec_host2 exec_vnode mtime qtime schedselect stime "
    "obittime session_id jobdir substate euser egroup hashname hop_count queue_rank queue_type sched_hint security comment cookie "
    "alt_id alt_id2 etime reserve_ID last_context_refresh accounting_id eligible_time accrue_type sample_starttime job_kill_delay "
    "Stageout_status Exit_status array array_id array_index array_state_count array_indices_remaining estimated destination "
    "history_timestamp run_version topjob topjob_ineligible resources_released resource_released_list credential_validity").split()
_JOB = {name.lower(): name for name in _SETTABLE + _READ_ONLY}

_OTHERS = {
    "vnode": (
        "Mom Port pbs_version ntype state pcpus Priority jobs max_running max_user_run max_group_run no_tasks pnames resv "
        "resources_available resources_assigned queue comment resv_enable no_multinode_jobs sharing provision_enable "
        "current_aoe in_multivnode_host maintenance_jobs license license_info topology_info vnode_pool power_provisioning "
        "current_eoe partition poweroff_eligible last_state_change_time last_used_time").split(),
    "queue": (
        "queue_type Priority max_queuable total_jobs state_count max_running max_queued max_queued_res acl_host_enable "
        "acl_hosts acl_user_enable acl_users from_route_only resources_max resources_min resources_default "
        "require_cred_enable require_cred max_array_size comment acl_group_enable acl_groups checkpoint_min "
        "rendezvous_retry reserved_expedite reserved_sync default_chunk resources_available resources_assigned kill_delay "
        "max_user_run max_group_run max_run max_run_res max_run_soft max_run_res_soft hasnodes max_user_res max_group_res "
        "max_user_run_soft max_group_run_soft max_user_res_soft max_group_res_soft node_group_key backfill_depth "
        "route_destinations alt_router route_held_jobs route_waiting_jobs route_retry_time route_lifetime enabled started "
        "queued_jobs_threshold queued_jobs_threshold_res partition").split(),
    "server": (
        "server_state server_host scheduling max_running max_queued max_queued_res max_run max_run_res max_run_soft "
        "max_run_res_soft max_user_run max_group_run max_user_res max_group_res max_user_run_soft max_group_run_soft "
        "max_user_res_soft max_group_res_soft pnames total_jobs state_count acl_host_enable acl_hosts "
        "acl_host_moms_enable acl_resv_host_enable acl_resv_hosts acl_resv_group_enable acl_resv_groups acl_user_enable "
        "acl_users acl_resv_user_enable acl_resv_users acl_roots managers operators default_queue log_events mailer "
        "mail_from query_other_jobs resources_available resources_default default_chunk resources_max resources_assigned "
        "resources_cost system_cost scheduler_iteration comment default_node node_pack flatuid resv_enable "
        "node_fail_requeue max_array_size resend_term_delay require_cred_enable require_cred node_group_enable "
        "node_group_key default_qdel_arguments default_qsub_arguments rpp_retry rpp_highwater pbs_license_info "
        "pbs_license_min pbs_license_max pbs_license_linger_time license_count pbs_version job_sort_formula "
        "eligible_time_enable reserve_retry_time reserve_retry_init job_history_enable job_history_duration "
        "provision_enable max_concurrent_provision provision_timeout resv_post_processing_time backfill_depth "
        "clear_topjob_estimates_enable job_requeue_timeout python_restart_max_hooks python_restart_max_objects "
        "python_restart_min_interval queued_jobs_threshold queued_jobs_threshold_res jobscript_max_size "
        "restrict_res_to_release_on_suspend power_provisioning show_hidden_attribs sync_mom_hookfiles_timeout "
        "rpp_max_pkt_check max_job_sequence_id has_runjob_hook acl_krb_realm_enable acl_krb_realms acl_krb_submit_realms "
        "cred_renew_enable cred_renew_tool cred_renew_period cred_renew_cache_period").split(),
}
_KNOWN = {kind: {name.lower(): name for name in names} for kind, names in _OTHERS.items()} | {"job": _JOB}



class RefusedByLibrary(PBSError):
    """What the real library refuses before it sends anything."""


def _refusal(number: int) -> RefusedByLibrary:
    return RefusedByLibrary(number, TEXTS[number])


_NAME = re.compile(r"[A-Za-z0-9+_.-]+")
MAXIMUM_NAME = 230
_YES, _NO = {"True", "TRUE", "true", "t", "T", "1", "y", "Y"}, {"False", "FALSE", "false", "f", "F", "0", "n", "N"}
_PROJECT_FORBIDDEN = re.compile(r"[/\[\]\";:|<>+,?*]")


def canonical(kind: str, items: Iterable[Item]) -> list[str]:
    """The names of attributes as PBS writes them: they are found whatever their case."""
    known = _KNOWN[kind]
    names: list[str] = []
    for item in items:
        if item.name.lower() not in known:
            raise _refusal(errors.NO_SUCH_ATTRIBUTE)
        names.append(known[item.name.lower()])
    return names


def boolean(value: str) -> bool | None:
    """A boolean as PBS reads it (is_true_or_false()), None where it is none."""
    return True if value in _YES else False if value in _NO else None


# Values that the library knows, by attribute.
_VALUES = {
    "Priority": r"\s*[-+]?\d+", "Hold_Types": r"n+|p+|[uos]+", "Join_Path": "oe|eo|n", "Mail_Points": r"\s*(n|[abej]+)",
    "Keep_Files": "o|e|oe|eo|n|o?e?d?o?e?", "Remove_Files": "o|e|oe|eo", "job_state": "[EHQRTWSUBXFM]+",
    "Checkpoint": r"[nscwu]|[cw]=\d+", "sandbox": "(?i:home|private|o_workdir)",
    "User_List": r"[^@,]+(@[^@,]+)?(,[^@,]+(@[^@,]+)?)*", "group_list": ".+", "Mail_Users": ".+", "Shell_Path_List": ".+",
    "depend": ".+:.+", "stagein": ".+@.+", "stageout": ".+@.+", "run_count": r"\+?\d+",
    **dict.fromkeys(("Execution_Time", "umask", "block", "ctime", "mtime", "qtime", "stime", "obittime", "etime", "substate",
                     "session_id", "Exit_status", "interactive", "max_run_subjobs"), r"[-+]?\d+"),
    **dict.fromkeys(("Rerunable", "no_stdio_sockets", "create_resv_from_job", "release_nodes_on_stageout"),
                    "|".join(sorted(_YES | _NO)))}


def check_job_value(name: str, item: Item, selecting: bool = False) -> None:
    """What the library refuses of an attribute that a job is to have, or of a criterion."""
    value = item.value
    if name == "Resource_List" and item.resource is None:
        raise _refusal(errors.UNKNOWN_RESOURCE)
    if name == "Job_Name" and len(value) > MAXIMUM_NAME:
        raise _refusal(errors.JOB_NAME_TOO_LONG)
    if name == "Job_Name" and not _NAME.fullmatch(value) and not (selecting and not value):
        raise _refusal(errors.BAD_ATTRIBUTE_VALUE)
    if name in _VALUES and not re.fullmatch(_VALUES[name], value):
        raise _refusal(errors.BAD_ATTRIBUTE_VALUE)
    if name == "Priority" and not selecting and not -1024 <= int(value) <= 1023:
        raise _refusal(errors.BAD_ATTRIBUTE_VALUE)


def check_settable(name: str, manages: bool = False) -> None:
    """What the server refuses to set; some attributes are the managers' to alter."""
    if name not in _SETTABLE and not (manages and name == "comment"):
        raise PBSError(errors.READ_ONLY_ATTRIBUTE, f"{TEXTS[errors.READ_ONLY_ATTRIBUTE]} {name}")


def check_project(value: str) -> None:
    """What the server refuses as a project's name."""
    if _PROJECT_FORBIDDEN.search(value):
        raise PBSError(errors.BAD_ATTRIBUTE_VALUE, f"{TEXTS[errors.BAD_ATTRIBUTE_VALUE]} project")


def check_resources(server: PBSServer, resources: dict[str, str]) -> None:
    """What the library refuses of a list of resources, and of `place` the server."""
    try:
        check_request(resources, server.resources)
    except PBSError as problem:
        if problem.text.endswith(".place"):
            raise
        raise RefusedByLibrary(problem.number, problem.text) from None
