"""Our own chart, rendered by helm where helm is installed."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # ships none
import kubernetes_validate  # type: ignore[import-untyped] # ships none
import pytest
import yaml

Document = dict[str, Any]
Helm = Callable[..., subprocess.CompletedProcess[str]]
KUBERNETES = "1.34"
RELEASES = ("photo-api", "photo-stream")
SCRATCH = "/tmp"  # noqa: S108 - in the container
# Helm, built from source, takes a very old Kubernetes for granted otherwise.
VERSION = ("--kube-version", f"{KUBERNETES}.0")


@pytest.fixture(scope="module")
def helm(run: Helm, tool: Callable[[str], str | None]) -> Helm:
    """Runs helm in helm-values/."""
    program = tool("helm")
    if program is None:
        pytest.skip("helm is not installed; the chart's values were checked by their schema all the same")

    return partial(run, program, folder="helm-values")


def rendered(helm: Helm, release: str, *options: str) -> dict[str, Document]:
    """The documents of a release by kind."""
    values = ("--values", f"{release}.yaml", *options)
    done = helm("template", release, "charts/photo-web", "--namespace", "photos", *values, *VERSION)
    assert done.returncode == 0, done.stderr
    return {document["kind"]: document for document in yaml.safe_load_all(done.stdout) if document}


@pytest.mark.parametrize("release", RELEASES)
def test_chart_is_clean(helm: Helm, release: str) -> None:
    """Helm's linter, made strict, has no complaint."""
    done = helm("lint", "charts/photo-web", "--strict", "--values", f"{release}.yaml", *VERSION)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("release", RELEASES)
def test_rendered_documents_are_strictly_valid(helm: Helm, release: str) -> None:
    """Kubernetes' own schema accepts what the chart renders, and knows every field in it."""
    documents = rendered(helm, release)
    # Parts of resumable uploads are the upload API's alone.
    volumes = {"PersistentVolumeClaim"} if release == "photo-api" else set()
    assert set(documents) == volumes | {
        "Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "HorizontalPodAutoscaler", "Ingress",
        "NetworkPolicy", "ServiceMonitor",
    }  # fmt: skip
    for kind, document in documents.items():
        if kind != "ServiceMonitor":
            kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_rendered_service_monitor_is_valid(helm: Helm, schemas: Path) -> None:
    """Prometheus' operator accepts what the chart renders."""
    schema = json.loads((schemas / "crd" / "monitoring.coreos.com" / "servicemonitor_v1.json").read_text())
    jsonschema.validate(rendered(helm, "photo-api")["ServiceMonitor"], schema, jsonschema.Draft7Validator)


@pytest.mark.parametrize("release", RELEASES)
def test_selectors_meet_the_pods(helm: Helm, release: str) -> None:
    """Service, budget, policy and monitor select exactly the labels that the pods have."""
    documents = rendered(helm, release)
    labels = documents["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        documents["Deployment"]["spec"]["selector"]["matchLabels"],
        documents["Service"]["spec"]["selector"],
        documents["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        documents["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector == selectors[0] for selector in selectors)
    assert selectors[0].items() <= labels.items()


@pytest.mark.parametrize("release", RELEASES)
def test_a_rollout_takes_no_capacity_away(helm: Helm, release: str) -> None:
    """A new pod is ready before an old one goes, and the old one ends what it has begun."""
    spec = rendered(helm, release)["Deployment"]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    pod = spec["template"]["spec"]
    web = pod["containers"][0]
    assert web["lifecycle"]["preStop"]["sleep"]["seconds"] + 30 <= pod["terminationGracePeriodSeconds"]
    assert web["startupProbe"]["httpGet"]["path"] == "/readyz"
    assert web["readinessProbe"]["httpGet"]["path"] == web["livenessProbe"]["httpGet"]["path"] == "/healthz"


@pytest.mark.parametrize("release", RELEASES)
def test_zones_are_counted_by_version_and_without_drained_ones(helm: Helm, release: str) -> None:
    """A rollout leaves no zone empty at its end, and what ran in a drained zone starts in another."""
    for constraint in rendered(helm, release)["Deployment"]["spec"]["template"]["spec"]["topologySpreadConstraints"]:
        assert constraint["matchLabelKeys"] == ["pod-template-hash"]
        assert constraint["nodeTaintsPolicy"] == "Honor"


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("PHOTO_CUSTOMER_HOLDS=1", "1"),
        ("PHOTO_IN_FLIGHT_BYTES=536870912", "536870912"),
        ("PHOTO_SECURE_COOKIES=false", "false"),
        ("PHOTO_RATE=0.25", "0.25"),
    ],
)
@pytest.mark.parametrize("source", ["--set", "--values"])
def test_settings_may_be_given_without_quotes(
    helm: Helm, tmp_path: Path, source: str, option: str, expected: str
) -> None:
    """A number on helm's command line or in a file reaches the pod as the text that was meant, never as 5.36e+08."""
    name, _, value = option.partition("=")
    file = tmp_path / "values.yaml"
    file.write_text(f"environment:\n  {name}: {value}\n")
    given = ("--set", f"environment.{option}") if source == "--set" else ("--values", str(file))
    documents = rendered(helm, "photo-api", *given)
    (web,) = documents["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert {"name": name, "value": expected} in web["env"]


@pytest.mark.parametrize(
    "option", ["ingress.annotations.a=3600", "serviceAccount.annotations.a=true", "nodeSelector.a=1"]
)
def test_what_kubernetes_wants_as_text_may_be_given_without_quotes(helm: Helm, option: str) -> None:
    """Annotations and labels of nodes are strings to Kubernetes, whatever helm makes of them."""
    for kind, document in rendered(helm, "photo-api", "--set", option).items():
        if kind != "ServiceMonitor":
            kubernetes_validate.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("release", RELEASES)
def test_pods_have_no_privileges(helm: Helm, release: str) -> None:
    """Not root, a read-only file system, no capabilities, no token for Kubernetes' API."""
    pod = rendered(helm, release)["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize(
    ("count", "expected"), [(1, {}), (2, {"WEB_CONCURRENCY": "2", "PROMETHEUS_MULTIPROC_DIR": f"{SCRATCH}/metrics"})]
)
def test_processes_of_a_pod_share_their_metrics(helm: Helm, count: int, expected: dict[str, str]) -> None:
    """In a folder of the pod's own; with one there is nothing to be shared."""
    pod = rendered(helm, "photo-api", "--set", f"processes={count}")["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    values = {each["name"]: each.get("value") for each in container["env"]}
    assert {
        name: values[name] for name in ("WEB_CONCURRENCY", "PROMETHEUS_MULTIPROC_DIR") if name in values
    } == expected
    assert {"name": "tmp", "mountPath": SCRATCH} in container["volumeMounts"]


def test_metrics_are_hidden_from_customers(helm: Helm) -> None:
    """The load balancer answers 404 for /metrics itself; Prometheus reaches the pods from inside."""
    rules = rendered(helm, "photo-api")["Ingress"]["spec"]["rules"][0]["http"]["paths"]
    assert (rules[0]["path"], rules[0]["pathType"]) == ("/metrics", "Exact")
    assert rules[0]["backend"]["service"]["port"] == {"name": "use-annotation"}


@pytest.mark.parametrize(
    "option",
    [
        "replicas=2",
        "autoscaling.minReplicas=1",
        "forwardedAllowIps=*",
        "image.tag=latest",
        "replica=3",
        "app=api",
        "processes=0",
    ],
)
def test_dangerous_or_misspelt_values_are_refused(helm: Helm, option: str) -> None:
    """Too few replicas, a header that anybody may forge, an unfixed image and unknown keys stop helm."""
    done = helm("template", "x", "charts/photo-web", "--values", "photo-api.yaml", "--set", option, *VERSION)
    assert done.returncode != 0
    assert option.partition("=")[0].partition(".")[0] in done.stderr
