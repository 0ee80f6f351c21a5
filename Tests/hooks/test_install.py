"""hooks/install: what it asks of qmgr, and the configurations that it refuses."""
import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from hooks.execution_host import HOOKS, HOST_HOOK, SERVER_HOOK, assigned, literal

# A qmgr that keeps hooks in a file and notes each directive; the output is qmgr's.
QMGR = """#!%s
import json, os, sys
path = os.environ["QMGR_STATE"]
state = json.load(open(path))
assert sys.argv[1] == "-c" and len(sys.argv) == 3, sys.argv
words = sys.argv[2].replace("=", " ").split()
fail = os.environ.get("QMGR_FAIL")
if fail and fail in sys.argv[2]:
    sys.exit("qmgr obj=x svr=default: Unauthorized Request\\nqmgr: hook error returned from server")
if words[:2] == ["list", "resource"]:
    for name, attributes in state["resources"].items():
        print("Resource %%s" %% name)
        for pair in attributes.split(","):
            print("    %%s = %%s" %% tuple(pair.split("=")))
        print()
    sys.exit()
if words[:2] == ["list", "node"]:
    if not state["nodes"]:
        sys.exit("No Active Nodes, nothing done.")
    if state["told"]:  # each look finds what hosts have told since
        for name, value in state["told"].pop(0).items():
            state["nodes"][name]["resources_available.k8s_host"] = value
        json.dump(state, open(path, "w"))
    for name, node in state["nodes"].items():
        print("Node %%s" %% name)
        for pair in node.items():
            print("    %%s = %%s" %% pair)
        print()
    sys.exit()
if words[:2] == ["list", "queue"]:
    for name, queue in state["queues"].items():
        print("Queue %%s" %% name)
        for pair in queue.items():
            print("    %%s = %%s" %% pair)
        print()
    sys.exit()
if words[0] == "export":
    print(state["hooks"][words[2]][words[3]])
    sys.exit()
if words[0] == "list":
    for name, hook in state["hooks"].items():
        print("Hook %%s\\n    type = site" %% name)
        for key, value in hook.items():
            if "/" not in key:  # long values go on in the next line
                print("    %%s = %%s" %% (key, value.replace("epilogue,", "epilogue,\\n\\t")))
        print()
    sys.exit()
state["directives"].append(sys.argv[2])
name = words[2]
if words[:2] == ["create", "resource"]:
    state["resources"][name] = sys.argv[2].split(" ", 3)[3]
elif words[:2] == ["delete", "resource"]:
    if name in state["used"]:
        sys.exit("qmgr obj=%%s svr=default: Resource busy on job\\nqmgr: Error (15174) returned from server" %% name)
    del state["resources"][name]
elif words[0] == "create":
    assert name not in state["hooks"]
    state["hooks"][name] = {"enabled": "true"}
elif words[:2] == ["unset", "node"]:
    del state["nodes"][name][words[3]]
elif name not in state["hooks"]:
    sys.exit("qmgr obj=%%s svr=default: %%s does not exist!" %% (name, name))
elif words[0] == "delete":
    del state["hooks"][name]
elif words[0] == "set" and words[4] == "+":
    state["hooks"][name][words[3]] += "," + words[5]
elif words[0] == "set" and words[3] == "event" and set(words[4].strip('"').split(",")) - set(state["events"]):
    sys.exit("qmgr obj=%%s svr=default: invalid argument (%%s) to event. Should be one or more of: %%s for no event\\n"
             "qmgr: hook error returned from server" %% (name, words[4].strip('"'), ",".join(state["events"])))
elif words[0] == "set":
    assert words[3] != "freq" or state["hooks"][name].get("enabled") == "false", "this would crash OpenPBS later"
    state["hooks"][name][words[3]] = words[4].strip('"')
elif words[0] == "import":
    state["hooks"][name][words[3]] = open(words[5]).read()
    assert words[3] != "application/x-config" or words[5].endswith(".json"), "PBS refuses other suffixes"
json.dump(state, open(path, "w"))
""" % sys.executable


# What OpenPBS 23.06.06 has.
EVENTS = (
    "queuejob,postqueuejob,modifyjob,modifyvnode,management,resvsub,modifyresv,movejob,jobobit,runjob,provision,periodic,"
    "resv_confirm,resv_begin,resv_end,execjob_begin,execjob_prologue,execjob_epilogue,execjob_preterm,execjob_end,"
    "exechost_periodic,execjob_launch,exechost_startup,execjob_attach,execjob_resize,execjob_abort,execjob_postsuspend,"
    "execjob_preresume").split(",")


PROGRAMS = [HOOKS / "install"] + sorted(HOOKS.glob("*/*.py"))


class Site:
    """A PBS server as far as qmgr shows it, and a configuration to install."""

    def __init__(self, directory: Path) -> None:
        (directory / "bin").mkdir()
        qmgr = directory / "bin" / "qmgr"
        qmgr.write_text(QMGR)
        qmgr.chmod(0o755)
        self.state = directory / "state.json"
        self.change(hooks={}, resources={}, used=[], directives=[], nodes={}, told=[], queues={}, events=EVENTS)
        self.keys = directory / "etc" / "proof-keys"
        self.manifests = directory / "manifests"
        self.manifests.mkdir()
        self.configuration = directory / "site.CF"
        self.environment = dict(os.environ, QMGR_STATE=str(self.state), PATH="%s:/usr/bin:/bin" % qmgr.parent)
        self.configure()

    def configure(self, **settings: Any) -> None:
        """Write the configuration, with directories that are there."""
        values = {"kubelet_config": str(self.manifests), "cgroup_root": str(self.manifests), "key_file": str(self.keys)}
        self.configuration.write_text(json.dumps(dict(values, **settings)))

    def install(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run hooks/install."""
        command = [os.environ.get("HOOKS_PYTHON", sys.executable), str(HOOKS / "install"), "--config", str(self.configuration)] + list(arguments)
        return subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)

    def change(self, **values: Any) -> None:
        """Change what the PBS server has."""
        state = json.loads(self.state.read_text()) if self.state.exists() else {}
        self.state.write_text(json.dumps(dict(state, **values)))

    @property
    def resources(self) -> Dict[str, str]:
        """The server's custom resources, with type and flags."""
        return json.loads(self.state.read_text())["resources"]

    @property
    def hooks(self) -> Dict[str, Dict[str, str]]:
        """The server's hooks."""
        return json.loads(self.state.read_text())["hooks"]

    @property
    def directives(self) -> List[str]:
        """What qmgr was told to change."""
        return json.loads(self.state.read_text())["directives"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site without hooks."""
    return Site(tmp_path)


def test_it_installs_both_hooks(site: Site) -> None:
    result = site.install()
    assert (result.returncode, result.stderr) == (0, "")
    host, server = site.hooks["pbs_kubernetes"], site.hooks["pbs_kubernetes_server"]
    assert host["application/x-python"] == HOST_HOOK.read_text()
    assert server["application/x-python"] == SERVER_HOOK.read_text()
    assert host["application/x-config"] == server["application/x-config"] == site.configuration.read_text()
    assert host["enabled"] == server["enabled"] == "true"
    assert host["alarm"] == server["alarm"] == "30"
    assert set(server["event"].split(",")) == {"queuejob", "postqueuejob", "modifyjob", "movejob", "runjob", "jobobit"}
    assert site.resources == {
        "k8s_pod": "type=string,flag=rm", "k8s_token": "type=string", "k8s_host": "type=string,flag=rh"}


def test_every_event_that_is_installed_has_a_handler_and_the_other_way_round(site: Site) -> None:
    site.install()
    handlers = assigned(HOST_HOOK, "HANDLERS")
    handled = {ast.literal_eval(key).lower() for key in handlers.keys if key is not None}
    assert set(site.hooks["pbs_kubernetes"]["event"].split(",")) == handled - {"execjob_launch"}


def test_it_is_safe_to_repeat_and_upgrades(site: Site) -> None:
    site.install()
    before = site.hooks
    assert site.install().returncode == 0
    assert site.hooks == before
    site.configure(namespace="batch")
    done = len(site.directives)
    assert site.install().returncode == 0
    assert json.loads(site.hooks["pbs_kubernetes"]["application/x-config"])["namespace"] == "batch"
    assert not [d for d in site.directives[done:] if "false" in d], "jobs run: no event may be missed meanwhile"


def test_an_upgrade_that_brings_other_events(site: Site) -> None:
    site.install()
    before = site.hooks
    state = json.loads(site.state.read_text())
    state["hooks"]["pbs_kubernetes"].update(event="execjob_begin", freq="120")
    site.state.write_text(json.dumps(state))
    assert site.install().returncode == 0
    assert site.hooks == before


@pytest.mark.parametrize("missing", [["postqueuejob"], ["postqueuejob", "jobobit", "movejob", "execjob_postsuspend"]])
def test_a_server_that_lacks_events_gets_the_others(site: Site, missing: List[str]) -> None:
    site.change(events=[event for event in EVENTS if event not in missing])
    result = site.install()
    assert result.returncode == 0 and "this PBS has no event" in result.stderr
    assert all(event in result.stderr for event in missing)
    registered = {event for hook in site.hooks.values() for event in hook["event"].split(",")}
    assert {"queuejob", "modifyjob", "runjob", "execjob_begin"} <= registered and not registered & set(missing)
    done = len(site.directives)
    assert site.install().returncode == 0
    assert not [d for d in site.directives[done:] if "enabled = false" in d]


def test_a_server_that_lacks_what_the_hooks_are_for_is_refused(site: Site) -> None:
    site.change(events=[event for event in EVENTS if event != "modifyjob"])
    result = site.install()
    assert result.returncode == 1 and "invalid argument" in result.stderr


def test_a_handler_for_every_event_of_the_server(site: Site) -> None:
    site.install()
    handlers = assigned(SERVER_HOOK, "HANDLERS")
    handled = {ast.literal_eval(key).lower() for key in handlers.keys if key is not None}
    assert set(site.hooks["pbs_kubernetes_server"]["event"].split(",")) == handled


def keys(site: Site) -> List[str]:
    """The keys in the site's file."""
    return [line for line in site.keys.read_text().splitlines() if not line.startswith("#")]


def test_keys_are_made_once_and_are_roots_alone(site: Site) -> None:
    site.install()
    (key,) = keys(site)
    assert re.fullmatch("[0-9a-f]{64}", key) and site.keys.stat().st_mode & 0o777 == 0o600
    site.install()
    assert keys(site) == [key]
    assert os.listdir(str(site.keys.parent)) == ["proof-keys"]


def test_a_key_is_changed_in_two_steps(site: Site) -> None:
    site.install()
    (first,) = keys(site)
    site.install("--new-key")
    second, former = keys(site)
    assert former == first and second != first
    site.install("--new-key")
    third, former = keys(site)
    assert former == second, "two at a time"
    site.install("--drop-old-key")
    assert keys(site) == [third] and site.keys.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "secret\n", "0" * 64 + "\n" + "1" * 64 + "\n" + "2" * 64 + "\n"])
def test_a_file_that_holds_no_keys_is_left_alone(site: Site, text: str) -> None:
    site.keys.parent.mkdir()
    site.keys.write_text(text)
    result = site.install()
    assert result.returncode == 1 and "not one or two keys" in result.stderr and site.directives == []
    assert site.keys.read_text() == text


def test_a_resource_of_the_same_name_that_users_can_set_is_refused(site: Site) -> None:
    site.change(resources={"k8s_pod": "type=string"})
    result = site.install()
    assert result.returncode == 1 and site.directives == []
    assert "resource k8s_pod is there and has flag = nothing instead of rm" in result.stderr


def test_a_resource_that_jobs_have_is_left_and_said_so(site: Site) -> None:
    site.install()
    site.change(used=["k8s_pod"])
    result = site.install("--remove-resources")
    assert result.returncode == 0 and site.hooks == {} and list(site.resources) == ["k8s_pod"]
    assert "left: resource k8s_pod" in result.stderr and "job_history_duration" in result.stderr
    site.change(used=[])
    assert site.install("--remove-resources").returncode == 0 and site.resources == {}


def test_a_new_hook_is_off_until_it_is_whole(site: Site) -> None:
    site.install()
    assert list(site.directives[:3]) == ["create resource k8s_pod type=string,flag=rm", "create resource k8s_token type=string",
                                         "create resource k8s_host type=string,flag=rh"]
    for name in site.hooks:
        own = [d for d in site.directives if d.split()[2] == name]
        assert own[0] == "create hook " + name and own[1] == "set hook %s enabled = false" % name
        assert own[-1] == "set hook %s enabled = true" % name


def test_dry_run_shows_and_changes_nothing(site: Site) -> None:
    result = site.install("--dry-run")
    assert result.returncode == 0 and site.directives == [] and not site.keys.exists()
    first, *building = result.stdout.splitlines()[:3]
    shown = result.stdout.splitlines()[3:]
    assert first == "# write 1 key(s) into %s" % site.keys
    assert building == ["python3 %s %s.PY %s" % (HOOKS / "installer" / "build.py", name, name)
                        for name in ("pbs_kubernetes", "pbs_kubernetes_server")]
    site.install()
    # All that differs is the copy of the configuration that PBS is given, and where the hooks are built.
    done = [re.sub(r"\S+/pbs_kubernetes\.json", str(site.configuration), directive) for directive in site.directives]
    done = [re.sub(r"\S+/(pbs_kubernetes(?:_server)?\.PY)", r"\1", directive) for directive in done]
    assert [line[len("qmgr -c "):].strip("'") for line in shown] == done
    assert site.install("--dry-run", "--remove-resources").stdout == (
        "qmgr -c 'set hook pbs_kubernetes enabled = false'\n"
        "qmgr -c 'set hook pbs_kubernetes event += periodic'\n"
        "qmgr -c 'delete hook pbs_kubernetes'\n"
        "qmgr -c 'set hook pbs_kubernetes_server enabled = false'\n"
        "qmgr -c 'delete hook pbs_kubernetes_server'\n"
        "qmgr -c 'delete resource k8s_pod'\n"
        "qmgr -c 'delete resource k8s_token'\n"
        "qmgr -c 'delete resource k8s_host'\n")
    assert len(site.hooks) == 2


def test_remove(site: Site) -> None:
    site.install()
    site.configuration.write_text("broken")
    assert site.install("--remove").returncode == 0
    assert site.hooks == {}
    assert list(site.resources) == ["k8s_pod", "k8s_token", "k8s_host"], "a server that has met them may crash without them"
    assert site.install("--remove").returncode == 0, "safe to repeat"
    assert site.install("--remove", "--dry-run").stdout == "nothing to do\n"


@pytest.mark.parametrize("settings, complaint", [
    (dict(kubelet_confg="/tmp"), "unknown key kubelet_confg"),
    (dict(hosts={"node1": {"imagge": "x"}}), "unknown key hosts.node1.imagge"),
    (dict(strict="yes"), 'strict: "yes" is not of type boolean'),
    (dict(strict=1), "strict: 1 is not of type boolean"),
    (dict(users="root"), 'users: "root" is not of type list of text'),
    (dict(users=[1]), "users: [1] is not of type list of text"),
    (dict(labels={"a": 1}), 'labels: {"a": 1} is not of type map of text'),
    (dict(resources=[]), "resources: [] is not of type map of text"),
    (dict(suspend="stop"), 'suspend: "stop" is not of type freeze, ignore or end'),
    (dict(api_timeout="5"), 'api_timeout: "5" is not of type seconds'),
    (dict(api_timeout=0), "api_timeout: 0 is not of type seconds"),
    (dict(api_timeout=True), "api_timeout: true is not of type seconds"),
    (dict(api_timeout=25), "api_timeout: 25 is not of type seconds, more than 0 and at most 20"),
    (dict(image=None), "image: null is not of type text"),
    (dict(hosts=["node1"]), 'hosts: ["node1"] is not of type map of hosts'),
    (dict(hosts={"node1": {"strict": "no"}}), 'hosts.node1.strict: "no" is not of type boolean'),
    (dict(proof="yes"), 'proof: "yes" is not of type required or owner'),
    (dict(longest_grace=0), "longest_grace: 0 is not of type whole seconds, more than 0 and at most 2147483647"),
    (dict(longest_grace=1.5), "longest_grace: 1.5 is not of type whole seconds"),
    (dict(schedulers="pbs"), 'schedulers: "pbs" is not of type list of text'),
    (dict(hosts={"node1": {"proof": "owner"}}), "hosts.node1.proof cannot differ from host to host"),
    (dict(hosts={"node1": {"users": ["x"]}}), "hosts.node1.users cannot differ from host to host"),
    (dict(kubelet_config="/no/such"), "kubelet_config: no directory /no/such here"),
    (dict(cgroup_root="/proc/version"), "cgroup_root: no directory /proc/version here"),
    (dict(hosts={"node1": {"kubelet_config": "/no/such"}}), "hosts.node1.kubelet_config: no directory /no/such here"),
    (dict(kubelet_config="manifests"), "kubelet_config: manifests is no absolute path"),
    (dict(hint_socket=""), "hint_socket: it is empty"),
    (dict(namespace="Batch"), "namespace: 'Batch' is no name of a namespace"),
    (dict(image=""), "image: '' is no name of an image"),
    (dict(node="node 1"), "node: 'node 1' is no name of a node"),
    (dict(kubelet_cgroup_root="kubelet.slice"), "kubelet_cgroup_root: 'kubelet.slice' is no path of a cgroup"),
    (dict(users=["a@b@c"]), "users: 'a@b@c' is neither a user nor user@host"),
    (dict(schedulers=["pbs-native-job"]), "schedulers: 'pbs-native-job' cannot be the name of a scheduler"),
    (dict(labels={"a b": "c"}), "labels: 'a b' cannot be a label's name"),
    (dict(labels={"pbs-connector/native-job": "c"}), "labels: 'pbs-connector/native-job' cannot be a label's name"),
    (dict(labels={"a": "b c"}), "labels: 'b c' cannot be a label's value"),
    (dict(resources={"ncpus": "cpu"}), "resources: 'ncpus' cannot be mapped"),
    (dict(resources={"ngpus": "nvidia.com/"}), "resources: 'nvidia.com/' is no resource of Kubernetes"),
    (dict(reserve_devices="all"), 'reserve_devices: "all" is not of type count or none'),
    (dict(hosts={"no de": {}}), "hosts: 'no de' is no host's name"),
    (dict(hosts={"gpu1": {}, "GPU1.example.com": {}}), "hosts.GPU1.example.com and hosts.gpu1 are one host"),
])
def test_a_configuration_that_is_refused_with_one_line(site: Site, settings: Any, complaint: str) -> None:
    site.configure(**settings)
    result = site.install()
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.startswith("install: %s: %s" % (site.configuration, complaint))
    assert result.stderr.count("\n") == 1
    assert site.directives == []


def test_all_that_is_wrong_is_said_at_once(site: Site) -> None:
    site.configure(kubelet_confg="/x", namespace="A", hosts={"node1": {"image": "", "users": ["x"]}})
    result = site.install()
    assert result.returncode == 1 and site.directives == []
    assert {line.split(": ")[2].split(" ")[-1] for line in result.stderr.splitlines()} == {
        "kubelet_confg", "namespace", "hosts.node1.image", "host"}


@pytest.mark.parametrize("value", [
    dict(labels={"example.com/cost-center": "batch", "a": ""}), dict(resources={"ngpus": "nvidia.com/gpu", "hugepages": "hugepages-2Mi"}),
    dict(users=["pbs-broker@login1.example.com", "x@*"]), dict(node="gpu1.internal", priority_class="system-node-critical"),
    dict(image="registry.example.com:5000/pause@sha256:0123")])
def test_values_that_are_right(site: Site, value: Any) -> None:
    site.configure(**value)
    assert site.install().returncode == 0


def test_a_key_that_stands_there_twice(site: Site) -> None:
    site.configuration.write_text('{"namespace": "a", "namespace": "b"}')
    assert "key namespace stands there twice" in site.install().stderr


@pytest.mark.parametrize("text", ["", "{", "[]", "{'a': 1}"])
def test_a_configuration_that_is_no_json_object(site: Site, text: str) -> None:
    site.configuration.write_text(text)
    result = site.install()
    assert result.returncode == 1 and result.stderr.count("\n") == 1 and site.directives == []


def test_a_default_directory_is_looked_for_too(site: Site) -> None:
    site.configuration.write_text(json.dumps({"cgroup_root": str(site.manifests)}))
    default = Path("/etc/kubernetes/manifests")
    assert site.install().returncode == (0 if default.is_dir() else 1)


def test_directories_of_the_execution_hosts_may_be_elsewhere(site: Site) -> None:
    site.configure(kubelet_config="/no/such")
    assert site.install("--remote-directories").returncode == 0


def test_an_empty_directory_turns_a_feature_off(site: Site) -> None:
    site.configure(kubelet_config="")
    assert site.install().returncode == 0


def test_qmgr_that_refuses(site: Site) -> None:
    site.environment["QMGR_FAIL"] = "create hook"
    result = site.install()
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert "qmgr -c 'create hook pbs_kubernetes'" in result.stderr and "Unauthorized Request" in result.stderr


def test_no_qmgr(site: Site, tmp_path: Path) -> None:
    site.environment.update(PATH="/nowhere", PBS_EXEC=str(tmp_path / "pbs"), PBS_CONF_FILE="/no/pbs.conf")
    result = site.install()
    assert result.returncode == 1
    assert result.stderr == "install: no qmgr in PATH, nor %s/pbs/bin/qmgr\n" % tmp_path


def test_the_shipped_configuration_holds_every_key_with_its_default() -> None:
    settings = literal(HOST_HOOK, "SETTINGS")
    shipped = json.loads((HOOKS / "pbs_kubernetes.CF").read_text())
    assert shipped == {key: default for key, (_, default) in settings.items()}


def test_the_documentation_explains_every_key() -> None:
    settings = literal(HOST_HOOK, "SETTINGS")
    text = (HOOKS.parent / "docs" / "hooks.md").read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert set(rows) == set(settings)
    for key, (kind, default) in settings.items():
        columns = [column.strip() for column in rows[key].split(" | ")]
        assert columns[0] == kind, key
        assert columns[1] == "`%s`" % json.dumps(default), key


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(HOOKS)))
def test_the_python_that_sites_have_is_enough(path: Path) -> None:
    """PBS's interpreter may be as old as 3.6."""
    tree = ast.parse(path.read_text(), feature_version=(3, 6))
    imported = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module).split(".")[0] for node in ast.walk(tree)
                 if isinstance(node, ast.ImportFrom) and not node.level}
    assert imported - {"pbs", "installer", "pbs_kubernetes"} <= set(sys.stdlib_module_names)
