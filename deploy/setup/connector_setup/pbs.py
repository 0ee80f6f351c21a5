"""PBS's side: the user of pbs-broker here and on the execution hosts, the server's settings, the hooks."""

from __future__ import annotations

import json
import os
import shlex
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Optional

from .commands import Failed, Site
from .files import account

AT_ONCE = 16


def as_user(user: str, command: list[str]) -> list[str]:
    """The command as it is run by pbs-broker's user; by root without a login, a password or a terminal."""
    return command if os.geteuid() == account(user).pw_uid else ["runuser", "-u", user, "--", *command]


def check_user(site: Site, program: str, user: str) -> None:
    """PBS must know the user as one who may ask and submit: root it refuses."""
    if account(user).pw_uid == 0:
        raise Failed("pbs-broker would run as root, whose jobs PBS refuses")
    answer = site.look(as_user(user, [program, "-B"]))
    if answer.status != 0:
        raise Failed("%s -B as user %s: %s" % (program, user, answer.words))
    site.tell("PBS answers user %s" % user)


def host_names(site: Site, program: str) -> list[str]:
    """The execution hosts, as PBS reaches them."""
    answer = site.look([program, "-a", "-F", "json"])
    if answer.status != 0:
        raise Failed("%s -a: %s" % (program, answer.words))
    nodes = json.loads(answer.output).get("nodes", {})
    return sorted({node.get("Mom", name) for name, node in nodes.items()})


def check_hosts(site: Site, hosts: list[str], remote: str, user: str) -> None:
    """The user must exist on each host, or jobs are refused there; `remote` runs a command on a host."""
    own = account(user).pw_uid

    def ask(host: str) -> Optional[str]:
        answer = site.look([*shlex.split(remote.replace("{host}", shlex.quote(host))), "id", "-u", user])
        if answer.status == 0 and answer.output.strip().isdigit():
            number = int(answer.output)
            return None if number == own else "user %s is number %d there and %d here" % (user, number, own)
        if "no such user" in answer.error:
            return "no user %s: put pbs-connector.conf into /usr/lib/sysusers.d there, and run systemd-sysusers" % user
        # What --remote runs may end with 1 itself, and id speak another language.
        return "user %s was not found, or nobody could look: %s (--remote says how)" % (user, answer.words)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(zip(hosts, pool.map(ask, hosts)))
    good = [host for host, wrong in found.items() if wrong is None]
    if good:
        site.tell("user %s is on %d of %d execution hosts: %s" % (user, len(good), len(hosts), " ".join(good)))
    for host, wrong in found.items():
        if wrong is not None:
            site.fail("%s: %s" % (host, wrong))


def check_server(site: Site, qmgr: str) -> None:
    """Settings of the PBS server without which the connector says less than it could."""
    answer = site.look([qmgr, "-c", "list server job_history_enable"])
    if answer.status != 0:
        return site.tell("job_history_enable was not looked at: %s" % answer.words)
    if "job_history_enable = True" in answer.output:
        return site.tell("job_history_enable is set")
    site.tell("job_history_enable is not set: pods whose jobs end cannot say why")
    site.do([qmgr, "-c", "set server job_history_enable = True"])


def check_users_of_hooks(site: Site, path: Path, user: str) -> None:
    """The hooks take jobs of `users` alone for pods' jobs."""
    try:
        users = json.loads(path.read_text(encoding="utf-8")).get("users", ["pbs-broker"])
    except (OSError, ValueError) as error:
        raise Failed("%s: %s" % (path, error))
    if user not in {name.partition("@")[0] for name in users}:
        raise Failed("%s: users has %s, and not pbs-broker's user %s" % (path, users, user))
    site.tell("%s: users has %s" % (path, user))


def is_execution_host(site: Site, program: str) -> bool:
    """Whether this host is one of PBS's execution hosts; not where PBS does not name them."""
    try:
        hosts = host_names(site, program)
    except Failed as reason:
        site.tell("whether this host runs jobs is not known: %s" % reason)
        return False
    own = {name.lower() for name in (socket.gethostname(), socket.getfqdn())}
    return any(host.lower() in own or host.partition(".")[0].lower() in own for host in hosts)


def import_hooks(site: Site, installer: str, configuration: Path, runs_jobs: bool) -> None:
    """Bring the hooks into the PBS server, whatever it has of them; its installer is safe to repeat.

    The folders that the configuration names are looked for where this is an execution host, too.
    """
    command = [installer, "--config", str(configuration), *([] if runs_jobs else ["--remote-directories"])]
    shown = site.look([*command, "--dry-run"])
    if shown.status != 0:
        raise Failed("%s: %s" % (installer, shown.words))
    lines = [line for line in shown.output.splitlines() if line and not line.startswith("python3 ")]
    if site.dry_run:
        return site.tell("would run %d commands of qmgr: %s --dry-run shows them" % (len(lines), " ".join(command)))
    done = site.do(command)
    site.tell((done or "").strip().splitlines()[-1])
