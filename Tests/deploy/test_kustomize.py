"""deploy/kubernetes: what kustomize makes of it, and that a real API server takes it."""

from __future__ import annotations

import base64
import getpass
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from deploy.manifests import read_documents
from deploy.test_deploy import DEPLOY, END
from integration.connector import PROGRAMS, program_folder
from real.kubernetes import RealKubernetes

Object = dict[str, Any]

KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = ("hybrid", "instead-of-default", "two-hosts")
EXAMPLES = sorted((KUBERNETES / "examples").glob("*.yaml"))
# Kinds that operators bring, whose pods are what counts here.
OPERATORS = {"Workflow": ("argoproj.io", "v1alpha1", "workflows"), "MPIJob": ("kubeflow.org", "v2beta1", "mpijobs")}


def kubectl(*arguments: str | Path, given: str | None = None) -> str:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("no kubectl in PATH (Debian: kubernetes-client)")
    done = subprocess.run([program, *arguments], input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def made(folder: str) -> str:
    """What kustomize makes of a folder of deploy/kubernetes."""
    version = json.loads(kubectl("version", "--client", "-o", "json"))
    if "kustomizeVersion" not in version:
        pytest.skip("this kubectl has kustomize 2.0, which is too old: kubectl of Kubernetes 1.21 or later has a later one")
    return kubectl("kustomize", KUBERNETES / folder)


def read(server: RealKubernetes, folder: Path, text: str) -> list[Object]:
    """The objects of a YAML text, as kubectl reads them."""
    listed = json.loads(kubectl("--kubeconfig", administrator(server, folder), "create", "--dry-run=client", "-o", "json", "--validate=false",
                                "-f", "-", given=fitting(server, text)).replace("}\n{", "},\n{").join(("[", "]")))
    return [item for each in listed for item in (each["items"] if each["kind"] == "List" else [each])]


def administrator(server: RealKubernetes, folder: Path) -> Path:
    path = folder / "admin.kubeconfig"
    return path if path.exists() else server.write_kubeconfig(path)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKubernetes]:
    """A server with the connector's namespace, and the kinds of the operators in the examples."""
    reason = RealKubernetes.missing()
    if reason:
        pytest.skip(f"no real Kubernetes here: {reason}")
    with RealKubernetes(tmp_path_factory.mktemp("kubernetes")) as server:
        server.client.json("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "pbs-connector"}})
        for kind, (group, version, plural) in OPERATORS.items():
            server.client.json("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.{group}"},
                "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
                         "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                             "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}})
        for group, version, plural in OPERATORS.values():
            deadline = time.monotonic() + 60
            while server.client.request("GET", f"/apis/{group}/{version}/namespaces/default/{plural}").status != 200:
                assert time.monotonic() < deadline, f"{plural}.{group} is not served"
                time.sleep(0.1)
        yield server


def taken(server: RealKubernetes, folder: Path, text: str) -> None:
    """The server must take it, without keeping it."""
    kubectl("--kubeconfig", administrator(server, folder), "create", "--dry-run=server", "-f", "-", given=fitting(server, text))


def fitting(server: RealKubernetes, text: str) -> str:
    """The text for this server: one before Kubernetes 1.21 has budgets in policy/v1beta1 only, with the same fields."""
    if server.client.request("GET", "/apis/policy/v1").status == 200:
        return text
    return text.replace("apiVersion: policy/v1\n", "apiVersion: policy/v1beta1\n")


def only(objects: list[Object], kind: str, name: str = "") -> Object:
    (found,) = [each for each in objects if each["kind"] == kind and name in ("", each["metadata"]["name"])]
    return found


def pod_of(template: Object, name: str = "of-a-template") -> Object:
    """The pod that a controller makes of a template."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template.get("metadata", {}), "name": name, "namespace": "default"},
            "spec": template["spec"]}


@pytest.mark.real_api
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_server_takes_an_overlay(overlay: str, server: RealKubernetes, tmp_path: Path) -> None:
    text = made(f"overlays/{overlay}")
    objects = [each for each in read(server, tmp_path, text) if each["kind"] != "Namespace"]
    taken(server, tmp_path, json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    template = only(objects, "Deployment")["spec"]["template"]
    taken(server, tmp_path, json.dumps(pod_of(template)))


@pytest.mark.real_api
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_gives_the_rights_of_rbac_yaml_and_no_others(overlay: str, server: RealKubernetes, tmp_path: Path) -> None:
    """Names and namespaces included: kustomize's own `namespace` would move a Role out of kube-system."""
    kinds = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}

    def key(each: Object) -> tuple[str, str]:
        return each["kind"], each["metadata"]["name"]

    def rights(objects: list[Object]) -> list[Object]:
        plain = [{field: each[field] for field in ("kind", "rules", "roleRef", "subjects") if field in each}
                 | {"metadata": {field: each["metadata"][field] for field in ("name", "namespace") if field in each["metadata"]}}
                 for each in objects if each["kind"] in kinds]
        return sorted(plain, key=key)

    assert rights(read(server, tmp_path, made(f"overlays/{overlay}"))) == rights(read_documents((DEPLOY / "rbac.yaml").read_text()))


def test_kustomize_has_the_same_files() -> None:
    """It reads nothing outside of its folders, so there are copies: each file of a name that deploy/ has is one, and is the same."""
    recipe = (DEPLOY / "install.mk").read_text().split("\nmanifests:\n")[1]
    copies = {copy: original for original, copy in re.findall(r"^\tcp deploy/(\S+) deploy/kubernetes/(\S+)$", recipe, re.MULTILINE)}
    named = {str(path.relative_to(KUBERNETES)) for path in KUBERNETES.rglob("*.yaml") if (DEPLOY / path.name).exists() and path.name != "config.yaml"}
    assert named == set(copies)
    assert [copy for copy, original in copies.items()
            if (KUBERNETES / copy).read_bytes() != (DEPLOY / original).read_bytes()] == [], "make manifests"


@pytest.mark.real_api
def test_each_process_has_its_own_token_and_socket(server: RealKubernetes, tmp_path: Path) -> None:
    objects = read(server, tmp_path, made("overlays/hybrid"))
    spec = only(objects, "Deployment")["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False and spec["serviceAccountName"] == "pbs-broker"
    secrets = {each["metadata"]["name"]: each["metadata"]["annotations"]["kubernetes.io/service-account.name"]
               for each in objects if each["kind"] == "Secret"}
    volumes = {volume["name"]: volume.get("secret", {}).get("secretName") for volume in spec["volumes"]}
    mounts = {container["name"]: {mount["name"]: bool(mount.get("readOnly")) for mount in container["volumeMounts"]}
              for container in spec["containers"]}
    assert set(mounts) == set(PROGRAMS)
    tokens = {name: [secrets[volumes[mount]] for mount in mounts[name] if volumes[mount]] for name in mounts}
    assert tokens == {"kube-watcher": ["kube-watcher"], "binder": ["binder"], "pbs-broker": []}
    for program in ("kube-watcher", "pbs-broker"):
        writers = [name for name in mounts if mounts[name].get(f"{program}-socket") is False]
        assert writers == [program]
    users = [container["securityContext"]["runAsUser"] for container in spec["containers"]]
    assert len(set(users)) == 3


@pytest.mark.real_api
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_programs_take_what_the_containers_give_them(overlay: str, server: RealKubernetes, tmp_path: Path) -> None:
    objects = read(server, tmp_path, made(f"overlays/{overlay}"))
    spec = only(objects, "Deployment")["spec"]["template"]["spec"]
    (configuration,) = [each["data"]["config.yaml"] for each in objects if each["kind"] == "ConfigMap"]
    assert spec["volumes"][0]["configMap"]["name"] == only(objects, "ConfigMap")["metadata"]["name"]
    text = re.sub(r"(allowed-peers:) \[[\w-]+\]", rf"\1 [{getpass.getuser()}]", configuration)
    text = re.sub(r"(metrics-address: 127.0.0.1):\d+", r"\1:0", text)
    (tmp_path / "config.yaml").write_text(text)
    kubeconfig = server.write_kubeconfig(tmp_path / "refused", token="none")
    for container in spec["containers"]:
        name, *arguments = [*container["command"], *container["args"]]
        assert name == container["name"]
        replaced = [argument.replace("/etc/pbs-connector", str(tmp_path)) for argument in arguments]
        replaced = [re.sub(r"^/run/pbs-connector/[\w-]+", str(tmp_path), argument) for argument in replaced]
        extra = ["--pbs-exec", str(tmp_path / "no-pbs")] if name == "pbs-broker" else ["--kubeconfig", str(kubeconfig)]
        done = subprocess.run([program_folder() / name, *replaced, *extra], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and END[name] in done.stderr, done.stderr


def test_instead_of_default_takes_pods_that_name_no_scheduler() -> None:
    (settings,) = read_documents((KUBERNETES / "overlays/instead-of-default/config.yaml").read_text())
    assert settings["kube-watcher"]["scheduler-name"] == settings["binder"]["scheduler-name"] == ["default-scheduler"]
    made_of = made("overlays/instead-of-default")
    assert "nodeName: node1" in made_of and "nodeSelector" not in made_of


@pytest.mark.real_api
def test_the_second_host_stands_by(server: RealKubernetes, tmp_path: Path) -> None:
    objects = read(server, tmp_path, made("overlays/two-hosts"))
    deployment = only(objects, "Deployment")["spec"]
    watcher = next(each for each in deployment["template"]["spec"]["containers"] if each["name"] == "kube-watcher")
    assert deployment["replicas"] == 2 and "--leader-elect" in watcher["args"] and "--socket" in watcher["args"]
    budget = only(objects, "PodDisruptionBudget")["spec"]
    assert budget["selector"]["matchLabels"].items() <= deployment["template"]["metadata"]["labels"].items()


def test_the_tokens_are_where_the_programs_look_for_them() -> None:
    source = (DEPLOY.parent / "Sources/Shared/KubernetesClient/KubernetesConnection.swift").read_text()
    path = re.search(r'static let serviceAccount = "([^"]+)"', source)
    assert path
    assert (KUBERNETES / "base/deployment.yaml").read_text().count(f"mountPath: {path[1]}\n") == 2


# Examples


@pytest.mark.real_api
@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.name != "jupyterhub-values.yaml"]
                         + sorted((DEPLOY / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_the_server_takes_an_example_and_its_pods(path: Path, server: RealKubernetes, tmp_path: Path) -> None:
    taken(server, tmp_path, path.read_text())
    for pod in pods(read(server, tmp_path, path.read_text())):
        taken(server, tmp_path, json.dumps(pod))
        assert pod["spec"].get("schedulerName") == (None if path.name == "redis.yaml" else "pbs")


def pods(objects: list[Object]) -> list[Object]:
    """The pods that controllers make of an example's objects."""
    found = []
    for each in objects:
        spec = each.get("spec", {})
        if each["kind"] == "Pod":
            found.append(pod_of(each, each["metadata"]["name"]))
        elif each["kind"] == "Job":
            found.append(pod_of(spec["template"]))
        elif each["kind"] == "MPIJob":
            # The operator sets what a Job asks for; a worker runs sshd.
            found += [pod_of(replica["template"], role.lower()) for role, replica in spec["mpiReplicaSpecs"].items()]
        elif each["kind"] == "Workflow":
            found += [pod_of({"metadata": spec["podMetadata"], "spec": {"schedulerName": spec["schedulerName"], "restartPolicy": "Never",
                                                                       "containers": [{"name": "main", **template["container"]}]}})
                      for template in spec["templates"] if "container" in template]
    return found


def spawned(profile: Object) -> Object:
    """The pod that KubeSpawner makes of a profile (kubespawner/objects.py, make_pod)."""
    override = profile["kubespawner_override"]
    resources = {"requests": {"cpu": str(override["cpu_guarantee"]), "memory": override["mem_guarantee"]},
                 "limits": {"memory": override["mem_limit"], **override.get("extra_resource_limits", {})}}
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "jupyter-ada", "namespace": "default", "annotations": override["extra_annotations"]},
            "spec": {"containers": [{"name": "notebook", "image": "jupyter/base-notebook", "resources": resources}],
                     **override["extra_pod_config"]}}


def profiles() -> list[Object]:
    (values,) = read_documents((KUBERNETES / "examples/jupyterhub-values.yaml").read_text())
    return list(values["singleuser"]["profileList"])


@pytest.mark.real_api
@pytest.mark.parametrize("number", range(len(profiles())))
def test_the_server_takes_the_pods_of_jupyterhub(number: int, server: RealKubernetes, tmp_path: Path) -> None:
    taken(server, tmp_path, json.dumps(spawned(profiles()[number])))


def explained(pod: Object, folder: Path) -> str:
    """What pbs-broker makes of a pod, with the setting that the GPU example asks for."""
    (folder / "config.yaml").write_text("pbs-broker:\n  resources: {nvidia.com/gpu: ngpus}\n")
    (folder / "pod.json").write_text(json.dumps(pod))
    done = subprocess.run([program_folder() / "pbs-broker", "--config", folder / "config.yaml", "explain", "-f", folder / "pod.json"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.real_api
@pytest.mark.parametrize("name, select", [("gpu", "ncpus=4:mem=16384mb:ngpus=1"), ("argo", "ncpus=1:mem=256mb"),
                                          ("mpi", "ncpus=4:mem=4096mb"), ("spark", "ncpus=1:mem=1024mb")])
def test_the_broker_takes_the_pods_of_an_example(name: str, select: str, server: RealKubernetes, tmp_path: Path) -> None:
    text = (KUBERNETES / "examples" / f"{name}.yaml").read_text()
    said = [explained(pod, tmp_path) for pod in pods(read(server, tmp_path, text))]
    assert any(select in each for each in said), said


def test_the_broker_takes_the_pods_of_jupyterhub(tmp_path: Path) -> None:
    said = [explained(spawned(profile), tmp_path) for profile in profiles()]
    assert "ncpus=1:" in said[0] and "ngpus=1" in said[1] and "walltime 14400" in said[1]
