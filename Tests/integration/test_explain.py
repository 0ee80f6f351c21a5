"""`pbs-broker explain`: what a manifest's pods become, with no server anywhere."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.connector import program_folder

MANIFESTS = Path(__file__).parents[1] / "manifests"
EXPECTED: dict[str, Any] = yaml.safe_load((MANIFESTS / "expected.yaml").read_text())
POLICY = """
pbs-broker:
  socket: /nowhere.sock
  allowed-peers: [nobody-of-this-machine]
  queue: pods
  namespaces:
    physics: {annotations: all, project: phys, default-memory: 1Gi}
    kube-*: left-out
    default: {default-walltime: 2h}
"""


def explain(manifest: str, folder: Path, *options: str, policy: str = "") -> tuple[int, str, str]:
    """Exit status, and what it prints on either output."""
    configuration, file = folder / "config.yaml", folder / "manifest.yaml"
    configuration.write_text(policy)
    file.write_text(manifest)
    line = [str(program_folder() / "pbs-broker"), "explain", "-f", str(file), "--config", str(configuration), *options]
    # Without PATH, PBS_EXEC and home: nothing of this machine may count.
    done = subprocess.run(line, env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def workload(kind: str, spec: dict[str, Any], name: str = "web", **metadata: Any) -> str:
    return json.dumps({"kind": kind, "metadata": {"name": name, **metadata}, "spec": spec})


TEMPLATE = {"spec": {"schedulerName": "pbs", "containers": [{"name": "a"}]}}
JOB = {"parallelism": 3, "template": TEMPLATE}

KINDS = [
    ("Pod", TEMPLATE["spec"], "pod default/web (schedulerName pbs): a job"),
    ("Deployment", {"replicas": 2, "template": TEMPLATE}, "pod default/web-xxxxxxxxxx-xxxxx (Deployment web, 2 pods; schedulerName pbs): a job"),
    ("ReplicaSet", {"template": TEMPLATE}, "pod default/web-xxxxx (ReplicaSet web, 1 pod; schedulerName pbs): a job"),
    ("StatefulSet", {"template": TEMPLATE}, "pod default/web-0 (StatefulSet web, 1 pod; schedulerName pbs): a job"),
    ("DaemonSet", {"template": TEMPLATE}, "pod default/web-xxxxx (DaemonSet web, a pod for each node; schedulerName pbs): a job"),
    ("Job", JOB, "pod default/web-xxxxx (Job web, 3 pods; schedulerName pbs): a job"),
    ("Job", {**JOB, "completions": 2}, "pod default/web-xxxxx (Job web, 2 pods; schedulerName pbs): a job"),
    ("Job", {**JOB, "suspend": True}, "pod default/web-xxxxx (Job web, 0 pods; schedulerName pbs): a job"),
    ("StatefulSet", {"ordinals": {"start": 5}, "template": TEMPLATE}, "pod default/web-5 (StatefulSet web, 1 pod; schedulerName pbs): a job"),
    ("CronJob", {"jobTemplate": {"spec": JOB}}, "pod default/web-xxxxxxxx-xxxxx (CronJob web, 3 pods; schedulerName pbs): a job"),
    ("JobSet", {"replicatedJobs": [{"name": "w", "replicas": 2, "template": {"spec": JOB}}]},
     "pod default/web-w-0-0-xxxxx (JobSet web, 6 pods; schedulerName pbs): a job"),
]


@pytest.mark.parametrize(("kind", "spec", "title"), KINDS, ids=[kind[0] for kind in KINDS])
def test_each_kind_of_workload_is_read(kind: str, spec: dict[str, Any], title: str, tmp_path: Path) -> None:
    status, out, err = explain(workload(kind, spec), tmp_path)
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == title
    assert "-l select=1:ncpus=1:mem=256mb" in out.splitlines()[1]


def test_lists_and_several_documents_are_read_in_order(tmp_path: Path) -> None:
    pods = [json.loads(workload("Pod", TEMPLATE["spec"], name)) for name in ("a", "b")]
    manifest = f"# nothing yet\n---\n{json.dumps({'kind': 'List', 'items': pods})}\n---\nkind: Service\nmetadata: {{name: s}}\n---\n"
    status, out, _ = explain(manifest + workload("Pod", TEMPLATE["spec"], "c"), tmp_path)
    assert status == 0
    assert [line.split()[1] for line in out.splitlines() if line.startswith("pod ")] == ["default/a", "default/b", "default/c"]


def test_what_has_decided_is_told(tmp_path: Path) -> None:
    template = {**TEMPLATE, "metadata": {"annotations": {
        "pbs-connector/queue": "gpu", "pbs-connector/walltime": "1h", "pbs-connector/qeue": "x"}}}
    status, out, _ = explain(workload("Job", {"template": template}, namespace="physics"), tmp_path, policy=POLICY)
    assert status == 0
    lines = out.splitlines()
    assert lines[1].startswith("  qsub -f -r n -N web-xxxxx -l select=1:ncpus=1:mem=1024mb -l walltime=3600 -q gpu -P phys -v KUBERNETES_POD_UID=")
    assert lines[2:] == ["  policy: pbs-broker.namespaces.physics", "  user: pbs-broker's own", "  cpu of a: pbs-broker.default-cpu",
                         "  memory of a: pbs-broker.namespaces.physics.default-memory", "  queue gpu: annotation pbs-connector/queue",
                         "  walltime 3600: annotation pbs-connector/walltime", "  project phys: pbs-broker.namespaces.physics.project",
                         "  warning: annotation pbs-connector/qeue is not known, and does nothing"]
    status, out, _ = explain(workload("Pod", TEMPLATE["spec"]), tmp_path, policy=POLICY)
    assert status == 0
    assert out.splitlines()[2:] == ["  policy: pbs-broker.namespaces.default", "  user: pbs-broker's own", "  cpu of a: pbs-broker.default-cpu",
                                    "  memory of a: pbs-broker.default-memory", "  queue pods: pbs-broker.queue",
                                    "  walltime 7200: pbs-broker.namespaces.default.default-walltime"]


def test_whose_the_job_would_be_is_told(tmp_path: Path) -> None:
    policy = "pbs-broker: {%snamespaces: {physics: {user: alice}, default: {}}}"
    manifest = workload("Pod", TEMPLATE["spec"], namespace="physics")
    status, out, _ = explain(manifest, tmp_path, policy=policy % "")
    assert status == 0
    assert out.splitlines()[3] == "  user: alice: pbs-broker.namespaces.physics.user"
    assert out.splitlines()[-1] == "  warning: refused where pbs-broker is not alice itself: that takes proof: required"
    status, out, _ = explain(manifest, tmp_path, policy=policy % "proof: required, proof-keys: /nowhere, ")
    assert status == 0
    assert out.splitlines()[-1] == "  assumed: pbs-broker can be alice (root, or CAP_SETUID and CAP_SETGID)"


def test_what_resources_and_labels_become_is_told_with_its_key(tmp_path: Path) -> None:
    policy = "pbs-broker: {resources: {nvidia.com/gpu: ngpus, ephemeral-storage: ignore}, node-labels: {disk: disktype}}"
    container = {"name": "a", "resources": {"limits": {"cpu": 2, "memory": "1Gi", "nvidia.com/gpu": 1, "ephemeral-storage": "1Gi"}}}
    manifest = workload("Pod", {**TEMPLATE["spec"], "containers": [container], "nodeSelector": {"disk": "ssd"}})
    status, out, _ = explain(manifest, tmp_path, policy=policy)
    assert status == 0
    assert "-l select=1:ncpus=2:mem=1024mb:disktype=ssd:ngpus=1 " in out
    assert out.splitlines()[4:] == ["  ephemeral-storage: pbs-broker.resources.ephemeral-storage",
                                    "  nvidia.com/gpu: pbs-broker.resources.nvidia.com/gpu", "  node label disk: pbs-broker.node-labels.disk"]


def test_a_refused_pod_is_status_1_whatever_else_there_is(tmp_path: Path) -> None:
    refused = {**TEMPLATE["spec"], "nodeSelector": {"disk": "ssd"}}
    manifest = workload("Pod", refused) + "\n---\n" + workload("Pod", TEMPLATE["spec"], "good")
    status, out, err = explain(manifest, tmp_path)
    assert (status, err) == (1, "")
    assert out.splitlines()[:2] == ["pod default/web (schedulerName pbs): refused", "  nodeSelector disk cannot be honoured by PBS"]
    assert "pod default/good (schedulerName pbs): a job" in out
    status, out, _ = explain(workload("Pod", TEMPLATE["spec"]), tmp_path, "--namespace", "kube-system", policy=POLICY)
    assert status == 1
    assert 'namespace "kube-system" is left out (pbs-broker.namespaces)' in out


UNREADABLE = [
    ("{", "", "manifest.yaml: line "),
    ("", "", "no pod in it"),
    ("kind: Service\nmetadata: {name: s}", "", "no pod in it: Service s"),
    ("metadata: {name: s}", "", "an object has no kind"),
    ("kind: Pod\nmetadata: {name: a}\nspec: {}", "", "Pod a: spec has no containers"),
    ("kind: Job\nmetadata: {name: a}\nspec: {}", "", "Job a has no template of a pod"),
    ("kind: Pod\nmetadata: {name: a, annotations: {pbs-connector/priority: 5}}\nspec: {containers: [{name: a}]}", "",
     'Pod a: annotation pbs-connector/priority is no text: write it in quotes ("5")'),
    (workload("Pod", TEMPLATE["spec"]), "pbs-broker: {qeue: x}", "pbs-broker.qeue is not a known key"),
    (workload("Pod", TEMPLATE["spec"]), "pbs-broker: {queue: a b}", 'pbs-broker.queue: "a b" is not a queue\'s name'),
]


@pytest.mark.parametrize(("manifest", "policy", "words"), UNREADABLE)
def test_what_cannot_be_read_is_status_2_and_one_line(manifest: str, policy: str, words: str, tmp_path: Path) -> None:
    status, out, err = explain(manifest, tmp_path, policy=policy)
    assert (status, out) == (2, "")
    assert words in err and err.count("\n") == 1 and err.startswith("pbs-broker: ")


def first_example(document: str) -> str:
    """The first indented block of a document."""
    text = (Path(__file__).parents[2] / "docs" / document).read_text()
    block = re.search(r"(?:^    .*\n|^\n)+", text[text.index("\n    "):].lstrip("\n"), re.MULTILINE)
    assert block
    return textwrap.dedent(block[0])


def test_the_examples_of_the_documentation_are_right(tmp_path: Path) -> None:
    manifest, policy = first_example("annotations.md"), first_example("policy.md")
    status, out, err = explain(manifest, tmp_path, policy=policy)
    assert (status, err) == (1, "")
    assert "annotation pbs-connector/queue is not allowed here (pbs-broker.annotations)" in out
    status, out, err = explain(manifest, tmp_path, "--namespace", "physics", policy=policy)
    assert (status, err) == (0, "")
    assert "select=1:ncpus=8:mem=32768mb:ngpus=1 -l walltime=28800 -q gpu -A physics-2027 -p 100 " in out


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_shapes_of_real_projects_become_what_they_should(name: str, tmp_path: Path) -> None:
    status, out, err = explain((MANIFESTS / name).read_text(), tmp_path)
    assert err == "" and status in (0, 1)
    for row in EXPECTED[name].values():
        if "select" in row:
            assert f"-l select={row['select'].replace('host=node2', 'host=node-of-this-pod')} " in out
        elif "refused" in row:
            assert status == 1 and all(f"  {cause}" in out.splitlines() for cause in row["refused"].split("; "))


LATE = json.dumps({"kind": "StorageClass", "metadata": {"name": "late"}, "provisioner": "example.org/local",
                   "volumeBindingMode": "WaitForFirstConsumer"})
CLAIM = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "late"}}
BY_CLAIM = {**TEMPLATE["spec"], "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}
BY_TEMPLATE = {**TEMPLATE["spec"], "volumes": [{"name": "data", "ephemeral": {"volumeClaimTemplate": CLAIM}}]}


@pytest.mark.parametrize(("manifest", "claim"), [
    (workload("Pod", BY_CLAIM) + "\n---\n" + json.dumps({"kind": "PersistentVolumeClaim", **CLAIM}), "data"),
    (workload("StatefulSet", {"template": TEMPLATE, "volumeClaimTemplates": [CLAIM]}), "data-web-0"),
    (workload("Pod", BY_TEMPLATE), "web-data"),
    (workload("Deployment", {"template": {"spec": BY_TEMPLATE}}), "web-xxxxxxxxxx-xxxxx-data")])
def test_claims_that_bind_late_are_provisioned_where_the_job_runs(manifest: str, claim: str, tmp_path: Path) -> None:
    status, out, err = explain(f"{manifest}\n---\n{LATE}", tmp_path)
    assert (status, err) == (0, "")
    assert f"  volume claim default/{claim}: provisioned on the job's host (class late, WaitForFirstConsumer)\n" in out
    assert "assumed: its volume claims" not in out
    by_hand = LATE.replace("example.org/local", "kubernetes.io/no-provisioner")
    status, out, err = explain(f"{manifest}\n---\n{by_hand}", tmp_path)
    assert (status, err) == (1, "") and "without a provisioner: which of its volumes it gets cannot be honoured by PBS" in out


def test_a_class_that_no_server_would_take_is_an_error(tmp_path: Path) -> None:
    status, _, err = explain(workload("Pod", BY_CLAIM) + "\n---\nkind: StorageClass\nmetadata: {}\n", tmp_path)
    assert status == 2 and "a StorageClass cannot be read" in err


def test_claims_of_a_statefulset_are_its_pods(tmp_path: Path) -> None:
    claims = [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]
    for spec, is_assumed in (({"template": TEMPLATE, "volumeClaimTemplates": claims}, True), ({"template": TEMPLATE}, False)):
        status, out, _ = explain(workload("StatefulSet", spec), tmp_path)
        assert status == 0 and ("assumed: its volume claims are bound" in out) == is_assumed
