"""helm-values/: values of Airflow's chart and of our own, held against schemas and against each other."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # ships none
import pytest

from local_stack.services.airflow import ORPHANS_SECONDS, TASK_SILENCE_SECONDS
from photo_pipeline.adapters.kafka import KafkaTopics
from photo_pipeline.domain.lanes import Lanes
from photo_pipeline.orchestration import connections
from photo_pipeline.settings import IngestSettings, KafkaSettings, TopicNames

Document = dict[str, Any]
Values = Callable[[str], Document]
COMPONENTS = ("apiServer", "scheduler", "dagProcessor", "triggerer", "pgbouncer")
WEB = ("photo-api", "photo-stream")
# What somebody else's program reads.
FOREIGN = {"HADOOP_USER_NAME"}
GIB = 2**30
INTERPRETER_BYTES = 512 * 2**20


def merged(defaults: Document, given: Document) -> Document:
    """Values over a chart's defaults, as helm merges them."""
    result = dict(defaults)
    for key, value in given.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def environment(component: Document) -> dict[str, Any]:
    """A component's extra variables: values, or where they come from."""
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in component["env"]}


@pytest.fixture(scope="module")
def airflow(values: Values) -> Document:
    """Values of Airflow's chart."""
    return values("airflow")


def test_airflow_values_follow_the_charts_schema(airflow: Document, schemas: Path) -> None:
    """Valid by the schema of chart 1.21.0, which lets unknown top-level keys pass: those are compared here."""
    schema = json.loads((schemas / "airflow-chart-1.21.0.values.schema.json").read_text())
    errors = [
        f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(airflow)
    ]
    assert errors == []
    assert set(airflow) <= set(schema["properties"])


def test_airflow_values_use_no_key_the_chart_does_not_know(airflow: Document, schemas: Path) -> None:
    """Sections that the schema leaves open are compared key by key: a misspelt key would be ignored in silence."""
    schema = json.loads((schemas / "airflow-chart-1.21.0.values.schema.json").read_text())
    unknown = [path for path in _unknown(airflow, schema) if not path.startswith("config.")]
    assert unknown == []


def _unknown(given: Document, schema: Document, path: str = "") -> list[str]:
    properties = schema.get("properties")
    if not properties:  # a Kubernetes type or a free map
        return []
    found = []
    for key, value in given.items():
        if key not in properties:
            found.append(path + key)
        elif isinstance(value, dict):
            found += _unknown(value, properties[key], f"{path}{key}.")
    return found


def test_airflow_runs_the_locked_version(airflow: Document, root: Path) -> None:
    """The version that the chart is told is the one in the image."""
    locked = re.search(r"^apache-airflow==(\S+)", (root / "requirements.txt").read_text(), re.MULTILINE)
    assert locked
    assert airflow["airflowVersion"] == locked[1]


@pytest.mark.parametrize("name", COMPONENTS)
def test_airflow_component_survives_a_zone(airflow: Document, name: str) -> None:
    """Three replicas in three zones, and never more than one away on purpose."""
    component = airflow[name]
    assert component["replicas"] >= 3
    assert component["podDisruptionBudget"] == {"enabled": True, "config": {"maxUnavailable": 1}}
    spread = component["topologySpreadConstraints"][0]
    assert spread["topologyKey"] == "topology.kubernetes.io/zone"
    assert spread["whenUnsatisfiable"] == "DoNotSchedule"


def spreads(node: Any, path: str = "") -> Iterator[tuple[str, Document]]:
    """Every topologySpreadConstraint of a document, with where it is."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "topologySpreadConstraints":
                yield from ((f"{path}.{key}", constraint) for constraint in value)
            else:
                yield from spreads(value, f"{path}.{key}")
    elif isinstance(node, list):
        for item in node:
            yield from spreads(item, path)


def test_zones_are_counted_by_version_and_without_drained_ones(airflow: Document, manifests: list[Document]) -> None:
    """Wherever a Deployment spreads: a rollout leaves no zone empty, and a drained zone's pods start in another.

    What has its disk in a zone for good is not concerned: it could not start elsewhere.
    """
    deployed = [document for document in manifests if document["kind"] in {"Deployment", "Kibana"}]
    found = [*spreads(airflow), *(each for document in deployed for each in spreads(document, document["kind"]))]
    assert len(found) >= len(COMPONENTS) + 2
    for where, constraint in found:
        assert constraint["matchLabelKeys"] == ["pod-template-hash"], where
        assert constraint["nodeTaintsPolicy"] == "Honor", where


def test_airflow_gets_no_user_with_a_known_password(airflow: Document) -> None:
    """The chart's job would make admin with the password admin; its own switch is what turns it off."""
    assert airflow["createUserJob"]["enabled"] is False


def test_airflow_pods_meet_the_restricted_standard(airflow: Document) -> None:
    """Pod Security's `restricted`: the chart's general contexts, and those that PgBouncer and StatsD take instead."""
    foreign = {name: airflow[name]["securityContexts"] for name in ("pgbouncer", "statsd")}
    general = airflow["securityContexts"]
    for name, pod in {"all": general["pod"], **{name: each["pod"] for name, each in foreign.items()}}.items():
        assert pod["runAsNonRoot"] is True, name
        assert pod["runAsUser"] > 0, name
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, name
    exporter = airflow["pgbouncer"]["metricsExporterSidecar"]["securityContexts"]["container"]
    for container in (general["containers"], exporter, *(each["container"] for each in foreign.values())):
        assert container["allowPrivilegeEscalation"] is False
        assert container["capabilities"] == {"drop": ["ALL"]}


def test_airflow_workers_survive_a_zone(airflow: Document) -> None:
    """The workers scale, but never below three."""
    workers = airflow["workers"]["celery"]
    assert workers["keda"]["minReplicaCount"] >= 3
    assert workers["podDisruptionBudget"]["config"] == {"maxUnavailable": 1}
    assert airflow["apiServer"]["hpa"]["minReplicaCount"] >= 3


def test_airflow_network_policies_let_in_whom_they_must(airflow: Document) -> None:
    """With policies on, the chart admits nobody to the API server by itself, nor Prometheus and KEDA to the rest."""
    assert airflow["networkPolicies"]["enabled"] is True
    admitted = airflow["apiServer"]["networkPolicy"]["ingress"]["from"]
    assert {"podSelector": {"matchLabels": {"tier": "airflow", "release": "airflow"}}} in admitted
    trusted = environment(airflow["apiServer"])["FORWARDED_ALLOW_IPS"]
    assert {"ipBlock": {"cidr": trusted}} in admitted
    assert airflow["statsd"]["extraNetworkPolicies"]
    assert airflow["pgbouncer"]["extraNetworkPolicies"]
    assert airflow["workers"]["celery"]["keda"]["namespaceLabels"]


def test_airflow_worker_holds_all_image_processes_at_their_limit(airflow: Document) -> None:
    """Even if every task's image processes reach their limit at once, the pod does not run out of memory."""
    given = environment(airflow["workers"]["celery"])
    images = int(given["PHOTO_INGEST_WORKERS"]) * int(given["PHOTO_INGEST_IMAGE_MEMORY_BYTES"])
    task = images + IngestSettings().in_flight_bytes + INTERPRETER_BYTES
    limit = airflow["workers"]["celery"]["resources"]["limits"]["memory"]
    assert limit.endswith("Gi")
    assert airflow["config"]["celery"]["worker_concurrency"] * task <= int(limit[:-2]) * GIB


def test_the_bulk_lane_is_worked_on_as_a_whole(airflow: Document) -> None:
    """One slice at a time is for a single machine; here one customer's import has all partitions of its lane."""
    given = environment(airflow["workers"]["celery"])
    lanes = Lanes(KafkaSettings(bootstrap_servers="x:1").bulk_share)
    incoming = len(TopicNames().incoming)
    bulk = incoming * lanes.bulk_partitions(int(given["PHOTO_KAFKA_PARTITIONS"]))
    assert int(given["PHOTO_INGEST_BULK_SLICES"]) == bulk


def test_applications_and_workers_agree_on_the_lanes(values: Values, airflow: Document) -> None:
    """Who writes, who plans and who watches must have the same share: the default, unless all are told another."""
    given = [values(name)["environment"] for name in WEB]
    given += [environment(airflow["workers"]["celery"]), environment(airflow["triggerer"])]
    assert len({each.get("PHOTO_KAFKA_BULK_SHARE") for each in given}) == 1


def test_airflow_finds_dead_tasks_as_soon_as_the_local_stack(airflow: Document) -> None:
    """The same two settings as everywhere (ADR 0094), and no task is given up before its slice's lease may run out."""
    scheduler = airflow["config"]["scheduler"]
    assert scheduler["orphaned_tasks_check_interval"] == ORPHANS_SECONDS
    assert scheduler["task_instance_heartbeat_timeout"] == TASK_SILENCE_SECONDS >= IngestSettings().lease_seconds


def test_airflow_workers_get_settings_that_exist(airflow: Document, setting_names: set[str]) -> None:
    """Every PHOTO_* variable is one that settings.py reads."""
    given = {name for name in environment(airflow["workers"]["celery"]) if not name.startswith("AIRFLOW_")}
    assert given - FOREIGN <= setting_names


def test_airflow_gets_every_connection(airflow: Document, manifests: list[Document]) -> None:
    """The workers get every connection of the DAGs, each from a key that External Secrets writes as Airflow's JSON."""
    ids = {value for name, value in vars(connections).items() if name.isupper() and str(value).startswith("photo_")}
    given = environment(airflow["workers"]["celery"])
    assert {name for name in given if name.startswith("AIRFLOW_CONN_")} == {f"AIRFLOW_CONN_{i.upper()}" for i in ids}
    written = _secret_keys(manifests)["photo-connections"]
    page = {connections.KAFKA, connections.POSTGRES, connections.POSTGRES_BI, connections.ELASTICSEARCH}
    assert {f"AIRFLOW_CONN_{i.upper()}" for i in page} <= environment(airflow["apiServer"]).keys(), (
        "for the Photos page"
    )
    for source in (airflow["workers"]["celery"], airflow["triggerer"], airflow["apiServer"]):
        for name, value in environment(source).items():
            if name.startswith("AIRFLOW_CONN_"):
                text = written[value["secretKeyRef"]["key"]]
                assert json.loads(re.sub(r"\{\{ \.\w+ \| toJson \}\}", '"secret"', text))["conn_type"], name


def test_referenced_secrets_are_written(airflow: Document, manifests: list[Document], values: Values) -> None:
    """Every secret that a values file names is one that External Secrets or Strimzi writes."""
    written = set(_secret_keys(manifests)) | {"photos-cluster-ca-cert"}
    data = airflow["data"]
    named = {data["metadataSecretName"], data["resultBackendSecretName"], data["brokerUrlSecretName"]}
    named |= {airflow[key] for key in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName")}
    named |= {
        airflow["pgbouncer"]["configSecretName"],
        airflow["pgbouncer"]["metricsExporterSidecar"]["statsSecretName"],
    }
    for name in WEB:
        named |= set(values(name)["environmentSecrets"])
    assert named <= written


def _secret_keys(manifests: list[Document]) -> dict[str, dict[str, str]]:
    """Keys and templates of each secret that External Secrets writes."""
    return {
        document["spec"]["target"]["name"]: document["spec"]["target"]["template"]["data"]
        for document in manifests
        if document["kind"] == "ExternalSecret"
    }


def test_topics_are_those_of_platform_setup(airflow: Document, manifests: list[Document]) -> None:
    """Strimzi's topic operator wants exactly what platform_setup makes of the workers' settings: they never fight."""
    given = environment(airflow["workers"]["celery"])
    prefix = "PHOTO_KAFKA_"
    fields = {name.removeprefix(prefix).lower(): value for name, value in given.items() if name.startswith(prefix)}
    settings = KafkaSettings.model_validate({"bootstrap_servers": "unused:9092", **fields})
    wanted = KafkaTopics(settings)._wanted(TopicNames())
    topics = {item["metadata"]["name"]: item["spec"] for item in manifests if item["kind"] == "KafkaTopic"}
    configs = {name: {key: str(value) for key, value in topic["config"].items()} for name, topic in topics.items()}
    assert configs == wanted
    for topic in topics.values():
        assert topic["partitions"] == settings.partitions
        assert topic["replicas"] == settings.replication_factor == 3
    assert settings.min_insync_replicas == 2
    assert settings.retention_ms == 7 * 24 * 3600 * 1000
    assert settings.segment_ms <= 6 * 3600 * 1000


@pytest.mark.parametrize("name", WEB)
def test_web_values_follow_our_charts_schema(name: str, values: Values, root: Path) -> None:
    """Valid by the chart's own schema, which refuses fewer than three replicas and any unknown key."""
    chart = root / "helm-values" / "charts" / "photo-web"
    schema = json.loads((chart / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(merged(values("charts/photo-web/values"), values(name)), schema, jsonschema.Draft7Validator)


@pytest.mark.parametrize("name", WEB)
def test_web_applications_get_settings_that_exist(name: str, values: Values, setting_names: set[str]) -> None:
    """Every PHOTO_* variable is one that the settings read, with the size limit of every other hop."""
    given = values(name)["environment"]
    assert set(given) - FOREIGN <= setting_names
    assert int(given["PHOTO_KAFKA_MAX_MESSAGE_BYTES"]) == KafkaSettings(bootstrap_servers="x:1").max_message_bytes
    assert given["PHOTO_SECURE_COOKIES"] == "true"
    assert given["PHOTO_PUBLIC_URL"].startswith("https://")


def test_web_applications_run_the_factories_of_the_local_stack(values: Values) -> None:
    """The production pods run the same application factories that every test runs."""
    from local_stack.services.web import APPLICATIONS  # noqa: PLC0415 - only this test needs the stack's services

    assert {values(name)["app"] for name in WEB} == {factory for _, _, factory in APPLICATIONS}


def test_budget_leaves_two_web_pods(values: Values) -> None:
    """Of at least three pods, two stay during any voluntary disruption."""
    defaults = values("charts/photo-web/values")
    for name in WEB:
        whole = merged(defaults, values(name))
        assert whole["autoscaling"]["minReplicas"] - whole["podDisruptionBudget"]["minAvailable"] >= 1
        assert whole["podDisruptionBudget"]["minAvailable"] >= 2
        assert whole["terminationGracePeriodSeconds"] >= whole["preStopSeconds"] + 30


def test_chart_uses_only_values_it_declares(root: Path, values: Values) -> None:
    """Every .Values path in the templates has a default, so that a missing one is never an empty string in silence."""
    chart = root / "helm-values" / "charts" / "photo-web"
    defaults = values("charts/photo-web/values")
    used = {
        path for file in (chart / "templates").iterdir() for path in re.findall(r"\.Values\.([\w.]+)", file.read_text())
    }
    assert used
    for path in used - {"nameOverride"}:
        node: Any = defaults
        for key in path.split("."):
            assert key in node, path
            node = node[key]


def test_pools_are_made_before_anything_runs(airflow: Document, root: Path) -> None:
    """The job that every installation and upgrade waits for makes them, from the file that is in the image."""
    command = airflow["migrateDatabaseJob"]["args"][-1]
    path = command.rpartition(" ")[2]
    assert command.startswith("airflow db migrate && exec airflow pools import ")
    assert (root / Path(path).relative_to("/opt/airflow")).is_file()
    assert "COPY --chown=airflow:0 include /opt/airflow/include" in (root / "Dockerfile").read_text()
