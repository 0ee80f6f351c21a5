"""The commands of installation.md and README that change a host, run as they stand on one that has nothing of the connector."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from deploy import own_host
from deploy.test_deploy import END
from docs.command_ways import commands
from docs.commands import blocks
from integration.connector import PROGRAMS, program_folder

INSTALLATION = "docs/installation.md"
# Each host: the commands that are typed there, in this order, as patterns.
BY_HAND = (r"make install PREFIX=/usr", r"groupadd .*", r"for user in .*", r"install -d -m 755 /run/pbs-connector", r"for process in .*", r"ln .*",
           r"install -d -m 755 /etc/pbs-connector", r"install -d -m 700 .*", r"install -m 400 .* token .*", r"install -m 400 .* binder.kubeconfig .*")
PROCESSES = r"(?:%s) --config .*" % "|".join(PROGRAMS)
WITH_SYSTEMD = (r"make install PREFIX=/usr", r"systemd-sysusers", r"systemd-tmpfiles --create .*")
ELSEWHERE = (r"make install DESTDIR= PREFIX=/usr/local", r"make install")
EXECUTION_HOST = ((r"install -D -m 644 .*sysusers.* && systemd-sysusers",), (r"useradd --system --user-group pbs-broker",),
                  (r"useradd --system --user-group --uid NUMBER pbs-broker",))
PLUGIN = (r"install -m 755 deploy/kubectl/kubectl-pbs .*",)
HOOKS = (r"install -D -m 644 pbs_kubernetes.CF .*", r"python3 installer/build.py .*")
KEYS = (r"install -o pbs-broker -m 0400 proof-keys .*",)
FOLDERS = ["755 root root /run/pbs-connector", "750 kube-watcher pbs-connector /run/pbs-connector/kube-watcher",
           "750 pbs-broker pbs-connector /run/pbs-connector/pbs-broker"]
LOOK = "stat -c '%a %U %G %n' /run/pbs-connector /run/pbs-connector/{kube-watcher,pbs-broker}; readlink /run/pbs-connector/*.sock"
LINKS = ["kube-watcher/kube-watcher.sock", "pbs-broker/pbs-broker-hints.sock", "pbs-broker/pbs-broker.sock"]


@pytest.fixture(autouse=True)
def host() -> None:
    reason = own_host.missing()
    if reason:
        pytest.skip(f"no host of its own here: {reason}")


def typed(*patterns: str) -> str:
    """The commands of these patterns, a line each or more."""
    texts = []
    for pattern in patterns:
        found = [command.text for command in commands("host") if re.fullmatch(pattern, command.text, re.DOTALL)]
        assert found, pattern
        texts += found
    return "\n".join(texts)


def run(script: str, folder: Path) -> list[str]:
    return own_host.run(script, folder, PROGRAMS=str(program_folder()), GENERATED=str(folder / "generated")).splitlines()


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"no {program} in PATH")


def test_each_command_is_typed_on_one_of_the_hosts() -> None:
    patterns = [*BY_HAND, PROCESSES, *WITH_SYSTEMD, *ELSEWHERE, *(row for rows in EXECUTION_HOST for row in rows), *PLUGIN, *HOOKS, *KEYS]
    left = [command for command in commands("host") if not any(re.fullmatch(row, command.text, re.DOTALL) for row in patterns)]
    assert list(map(str, left)) == []


def test_without_systemd(tmp_path: Path) -> None:
    """Users, folders, links and credentials are made; each process starts as its user and finds its configuration."""
    needs("setpriv")
    processes = typed(PROCESSES).splitlines()
    started = "\n".join(f"setpriv --reuid {line.split()[0]} --regid pbs-connector --clear-groups bash -c 'umask 0077; timeout 20 {line}' || true"
                        for line in processes)
    kubeconfig = ("printf 'clusters: [{name: a, cluster: {server: \"http://127.0.0.1:9\"}}]\\nusers: [{name: a, user: "
                  "{tokenFile: /var/lib/pbs-connector/binder/none}}]\\ncontexts: [{name: a, context: {cluster: a, user: a}}]\\n"
                  "current-context: a\\n' > binder.kubeconfig; echo secret > token")
    said = run(f"mkdir /tmp/typed; {typed(*BY_HAND[:6])}\ncd /tmp/typed; {kubeconfig}\n{typed(*BY_HAND[6:])}\n"
               f"{LOOK}\nstat -c '%a %U %G %n' /etc/pbs-connector/binder.kubeconfig /var/lib/pbs-connector/binder{{,/token}}\n"
               f"export PBS_CONF_FILE=/none PATH=/usr/bin:/bin\nhash -r\nrm -rf /opt/pbs /usr/bin/qsub\n{started}", tmp_path)
    assert [line for line in FOLDERS + LINKS if line not in said] == []
    assert "400 binder pbs-connector /etc/pbs-connector/binder.kubeconfig" in said
    assert {"700 binder pbs-connector /var/lib/pbs-connector/binder", "400 binder pbs-connector /var/lib/pbs-connector/binder/token"} <= set(said)
    words = {"kube-watcher": "kubeconfig: /etc/pbs-connector/kube-watcher.kubeconfig: No such file", "pbs-broker": END["pbs-broker"],
             "binder": "/var/lib/pbs-connector/binder/none: No such file"}
    for program in PROGRAMS:
        assert any(line.startswith(f"{program}: ") and words[program] in line for line in said), said


def test_with_systemd(tmp_path: Path) -> None:
    """Its tools make the same users and folders as by hand."""
    for program in ("systemd-sysusers", "systemd-tmpfiles"):
        needs(program)
    said = run(f"{typed(*WITH_SYSTEMD)}\n{LOOK}\nid -gn kube-watcher pbs-broker binder", tmp_path)
    assert [line for line in FOLDERS + LINKS if line not in said] == []
    assert said.count("pbs-connector") == len(PROGRAMS)


def test_elsewhere(tmp_path: Path) -> None:
    said = run(f"{typed(*ELSEWHERE)}\nexport PATH=/usr/local/bin:/usr/bin:/bin\n" + "\n".join(f"{program} --version" for program in PROGRAMS)
               + "\nls /usr/local/sbin /usr/local/lib/systemd/system", tmp_path)
    assert {"pbs-connector-setup", "pbs-connector-hooks", *(f"{program}.service" for program in PROGRAMS)} <= set(said)


@pytest.mark.parametrize("patterns", EXECUTION_HOST, ids=["systemd", "without", "numbered"])
def test_the_user_on_an_execution_host(patterns: tuple[str, ...], tmp_path: Path) -> None:
    if "systemd" in patterns[0]:
        needs("systemd-sysusers")
    made = run(f"{typed(*patterns).replace('NUMBER', '64004')}\ngetent passwd pbs-broker", tmp_path)[-1]
    assert re.fullmatch(r"pbs-broker:x:64004:\d+:.*" if "NUMBER" in typed(*patterns) else r"pbs-broker:x:\d+:\d+:.*", made)


def test_the_plugin_of_kubectl(tmp_path: Path) -> None:
    needs("kubectl")
    assert any("ls-jobs" in line for line in run(f"{typed(*PLUGIN)}\nkubectl pbs --help", tmp_path))


def test_the_hooks_and_their_keys(tmp_path: Path) -> None:
    """The configuration comes into a folder that is not there; the built hook is Python; the keys are pbs-broker's alone."""
    typed_keys = typed(r"useradd --system --user-group pbs-broker", *KEYS)
    said = run(f"(cd hooks; {typed(*HOOKS)})\npython3 -m py_compile /tmp/pbs_kubernetes*.PY\ncmp hooks/pbs_kubernetes.CF "
               f"/etc/pbs-connector/pbs_kubernetes.CF\ncd /tmp; echo key > proof-keys\n{typed_keys}\n"
               "stat -c '%a %U' /etc/pbs-connector/pbs-broker.keys", tmp_path)
    assert said[-1] == "400 pbs-broker"


def test_the_configuration_of_the_readme_is_the_installed_one(tmp_path: Path) -> None:
    """What README's section Configure has is what `make install` brings."""
    (configured,) = [block for block in blocks("README.md") if block.lines[0] == "kube-watcher:"]
    said = run(f"{typed(BY_HAND[0])}\ncat /etc/pbs-connector/config.yaml", tmp_path)
    assert [line for line in configured.lines if line not in said] == []
