"""In what the two recorded releases of Kubernetes differ, one named property for each difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Release:
    """One release; the sources are the recordings of that release unless said otherwise."""

    name: str
    version_document: dict[str, Any]
    # pod-create.txt
    counts_generations: bool
    # binding-wrong-uid.txt
    binding_checks_uid: bool
    # measured with real servers
    binding_sets_labels: bool
    # delete-now.txt: resourceVersion in the answer
    delete_answers_final_revision: bool
    # patch-status.txt, event.txt
    subresource_managed_fields: bool
    # pod-create-invalid-quantity.txt
    decode_error_has_context: bool
    # watch.txt
    bookmark_has_creation_timestamp: bool
    # KEP-3521 (1.27) and KEP-753 (1.28): older servers drop the fields they do not know
    knows_scheduling_gates: bool
    # KEP-3157: sendInitialEvents, on by default since 1.32
    watch_list: bool
    # KEP-3329 (1.27): a terminating pod reaches Succeeded or Failed before it goes
    terminating_pods_end_first: bool
    # kubernetes/kubernetes#112924 and later: "... limit of 1"
    limit_in_request_error: bool
    # printers.go before 1.22: the number alone; later a text that may say when
    restarts_column: str
    # printers.go, printPod: one that has ended and is being deleted is not called Terminating
    shows_end_of_terminating_pods: bool
    # pkg/apis/core/v1/defaults.go since 1.21: kubernetes.io/metadata.name
    labels_namespaces: bool
    # apiserver/pkg/storage/interfaces.go: 400 in place of 500
    refuses_bad_versions: bool
    # apimachinery/pkg/util/validation/field: how the value 0 is written
    missing_version: str
    # pkg/apis/core/validation: ValidatePodUpdate
    changeable_pod_fields: str


RELEASES: dict[str, Release] = {
    "1.20": Release(
        name="1.20",
        version_document={
            "major": "", "minor": "", "gitVersion": "v0.0.0-master+faecb196815e2",
            "gitCommit": "faecb196815e248d3ecfb03c680a4507229c2a56", "gitTreeState": "",
            "buildDate": "1970-01-01T00:00:00Z", "goVersion": "go1.21.13", "compiler": "gc",
            "platform": "linux/amd64",
        },
        counts_generations=False, binding_checks_uid=False, binding_sets_labels=False,
        delete_answers_final_revision=False, subresource_managed_fields=False, decode_error_has_context=True,
        bookmark_has_creation_timestamp=True, knows_scheduling_gates=False, watch_list=False,
        terminating_pods_end_first=False, limit_in_request_error=False, restarts_column="integer",
        shows_end_of_terminating_pods=False, labels_namespaces=False, refuses_bad_versions=False, missing_version="0x0",
        changeable_pod_fields="`spec.containers[*].image`, `spec.initContainers[*].image`, "
        "`spec.activeDeadlineSeconds` or `spec.tolerations` (only additions to existing tolerations)",
    ),
    "1.36": Release(
        name="1.36",
        version_document={
            "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
            "minCompatibilityMajor": "1", "minCompatibilityMinor": "35",
            "gitVersion": "v0.0.0-master+$Format:%H$", "gitCommit": "$Format:%H$", "gitTreeState": "",
            "buildDate": "1970-01-01T00:00:00Z", "goVersion": "go1.26.6", "compiler": "gc",
            "platform": "linux/amd64",
        },
        counts_generations=True, binding_checks_uid=True, binding_sets_labels=True,
        delete_answers_final_revision=True, subresource_managed_fields=True, decode_error_has_context=False,
        bookmark_has_creation_timestamp=False, knows_scheduling_gates=True, watch_list=True,
        terminating_pods_end_first=True, limit_in_request_error=True, restarts_column="string",
        shows_end_of_terminating_pods=True, labels_namespaces=True, refuses_bad_versions=True, missing_version="0",
        changeable_pod_fields="`spec.containers[*].image`,`spec.initContainers[*].image`,"
        "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    ),
}
