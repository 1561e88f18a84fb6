"""helm-values/manifests: every document by its schema, and the parts against each other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema  # type: ignore[import-untyped] # ships none
import kubernetes_validate  # type: ignore[import-untyped] # ships none
import pytest
import yaml

from local_stack import kafka_access
from local_stack.services.elasticsearch import ROLES

Document = dict[str, Any]
KUBERNETES = "1.34"
CORE = {"v1", "apps/v1", "batch/v1", "policy/v1", "networking.k8s.io/v1", "storage.k8s.io/v1", "autoscaling/v2"}


def named(document: Document) -> str:
    """For messages."""
    return f"{document['kind']}/{document['metadata']['name']}"


def of_kind(manifests: list[Document], *kinds: str) -> list[Document]:
    """The documents of some kinds; at least one."""
    found = [document for document in manifests if document["kind"] in kinds]
    assert found
    return found


def containers(manifests: list[Document]) -> Iterator[tuple[str, Document]]:
    """Containers of everything that we run ourselves, with the name of what runs them."""
    for document in of_kind(manifests, "StatefulSet", "Job"):
        for container in document["spec"]["template"]["spec"]["containers"]:
            yield f"{named(document)}/{container['name']}", container


def hdfs_properties(manifests: list[Document]) -> dict[str, str]:
    """core-site and hdfs-site of the cluster."""
    config = next(document for document in manifests if named(document) == "ConfigMap/hdfs-config")
    properties: dict[str, str] = {}
    for name in ("core-site.xml", "hdfs-site.xml"):
        for item in ET.fromstring(config["data"][name]).iter("property"):  # noqa: S314 - a file of this repository
            properties[item.findtext("name", "")] = item.findtext("value", "")
    return properties


def test_datanodes_flush_the_blocks_that_they_close(manifests: list[Document], root: Path) -> None:
    """A shard whose row is committed is on disk, each of its blocks; compose does the same."""
    compose = ET.parse(root / "compose" / "hadoop" / "hdfs-site.xml")  # noqa: S314 - a file of this repository
    on_one_machine = {item.findtext("name", ""): item.findtext("value", "") for item in compose.iter("property")}
    for properties in (hdfs_properties(manifests), on_one_machine):
        assert properties["dfs.datanode.synconclose"] == "true"


def test_kubernetes_own_kinds_are_strictly_valid(manifests: list[Document]) -> None:
    """Kubernetes' own schema accepts each document, and knows every field in it."""
    own = [document for document in manifests if document["apiVersion"] in CORE]
    assert own
    for document in own:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_operators_resources_are_valid(manifests: list[Document], schemas: Path) -> None:
    """The operators' own schemas accept each custom resource; none is left unchecked, and no field is unknown."""
    custom = [document for document in manifests if document["apiVersion"] not in CORE]
    assert custom
    for document in custom:
        group, version = document["apiVersion"].split("/")
        schema = json.loads((schemas / "crd" / group / f"{document['kind'].lower()}_{version}.json").read_text())
        errors = [
            f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(document)
        ]
        assert errors == [], named(document)
        assert _unknown(document["spec"], schema["properties"]["spec"]) == [], named(document)


def _unknown(given: Any, schema: Document, path: str = "") -> list[str]:
    """Fields that a custom resource's schema does not know: Kubernetes would drop them in silence."""
    if isinstance(given, list):
        return [field for item in given for field in _unknown(item, schema.get("items", {}), path)]
    if not isinstance(given, dict) or "properties" not in schema or schema.get("x-kubernetes-preserve-unknown-fields"):
        return []
    found = [path + key for key in given if key not in schema["properties"]]
    known = [key for key in given if key in schema["properties"]]
    return found + [
        field for key in known for field in _unknown(given[key], schema["properties"][key], f"{path}{key}.")
    ]


def test_kustomization_applies_every_file(root: Path) -> None:
    """No manifest is forgotten, and none is named that is not there."""
    folder = root / "helm-values" / "manifests"
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(path.name for path in folder.glob("*.yaml") if path.name != "kustomization.yaml")


def test_everything_is_in_the_platforms_namespace(manifests: list[Document]) -> None:
    """Names between the parts are names within one namespace."""
    for document in manifests:
        if document["kind"] not in {"Namespace", "StorageClass"}:
            assert document["metadata"]["namespace"] == "photos", named(document)


def test_images_have_fixed_versions(manifests: list[Document]) -> None:
    """No `latest`, no bare name."""
    for name, container in containers(manifests):
        assert re.fullmatch(r"[a-z0-9./-]+:\d+\.\d+[\w.-]*", container["image"]), name


def test_versions_are_those_of_compose(manifests: list[Document], services: dict[str, Document]) -> None:
    """Production runs the versions that were tried out on one machine."""
    search = {document["spec"]["version"] for document in of_kind(manifests, "Elasticsearch", "Kibana")}
    assert search == {services["elasticsearch"]["image"].rpartition(":")[2]}
    hadoop = {container["image"] for name, container in containers(manifests) if "zookeeper" not in name}
    assert hadoop == {services["namenode"]["image"]}


def test_our_pods_have_no_privileges(manifests: list[Document]) -> None:
    """Not root, no capabilities, no way up, no token for Kubernetes' API."""
    for document in of_kind(manifests, "StatefulSet", "Job"):
        pod = document["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True, named(document)
        assert pod["automountServiceAccountToken"] is False, named(document)
    for name, container in containers(manifests):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
        assert container["resources"]["limits"]["memory"], name


def test_stateful_parts_survive_a_zone(manifests: list[Document]) -> None:
    """Three of each over the zones, one away at a time on purpose."""
    budgets = {
        json.dumps(document["spec"]["selector"]): document["spec"]
        for document in of_kind(manifests, "PodDisruptionBudget")
    }
    for document in of_kind(manifests, "StatefulSet"):
        spec = document["spec"]
        assert spec["replicas"] == 3, named(document)
        assert spec["template"]["spec"]["topologySpreadConstraints"][0]["whenUnsatisfiable"] == "DoNotSchedule"
        assert budgets[json.dumps(spec["selector"])]["maxUnavailable"] == 1, named(document)
    for pool in of_kind(manifests, "KafkaNodePool"):
        assert pool["spec"]["replicas"] == 3
        assert pool["spec"]["template"]["pod"]["topologySpreadConstraints"]


def test_kafka_loses_nothing_with_a_broker(manifests: list[Document]) -> None:
    """Three copies, two of which must have a record before it is acknowledged; no unclean leader."""
    config = of_kind(manifests, "Kafka")[0]["spec"]["kafka"]["config"]
    assert config["default.replication.factor"] == 3
    assert config["min.insync.replicas"] == 2
    assert config["offsets.topic.replication.factor"] == 3
    assert config["unclean.leader.election.enable"] is False
    assert config["auto.create.topics.enable"] is False
    assert config["message.max.bytes"] == config["replica.fetch.max.bytes"] == 34603008


def test_each_application_may_write_its_own_topic_only(manifests: list[Document]) -> None:
    """The upload API cannot write as a stream, nor the other way round, and neither can read a photo back."""
    users = {
        user["metadata"]["name"]: user["spec"]["authorization"]["acls"] for user in of_kind(manifests, "KafkaUser")
    }
    for user, topic in (("photo-api", "photos.uploaded"), ("photo-stream", "photos.streamed")):
        rules = [rule for rule in users[user] if rule["resource"]["type"] == "topic"]
        assert [rule["resource"] for rule in rules] == [{"type": "topic", "name": topic, "patternType": "literal"}]
        assert set(rules[0]["operations"]) == {"Write", "Describe"}


def test_kafka_users_have_passwords_in_the_store(manifests: list[Document]) -> None:
    """Strimzi is given the password that the applications' configuration is made of."""
    stored = next(
        item for item in of_kind(manifests, "ExternalSecret") if item["metadata"]["name"] == "kafka-passwords"
    )
    for user in of_kind(manifests, "KafkaUser"):
        reference = user["spec"]["authentication"]["password"]["valueFrom"]["secretKeyRef"]
        assert reference["name"] == "kafka-passwords"
        assert reference["key"] in stored["spec"]["target"]["template"]["data"]


def test_external_secrets_use_only_what_they_fetch(manifests: list[Document]) -> None:
    """Every name in a template is one of the fetched values, and every fetched value is used."""
    for document in of_kind(manifests, "ExternalSecret"):
        text = " ".join(document["spec"]["target"]["template"]["data"].values())
        used = set(re.findall(r"\{\{ \.(\w+)", text)) | set(re.findall(r'\{\{ index \. "([^"]+)"', text))
        assert used == {item["secretKey"] for item in document["spec"]["data"]}, named(document)


def test_hdfs_addresses_are_the_same_everywhere(manifests: list[Document], root: Path) -> None:
    """The gallery, the DAGs' connection and HDFS itself name the same three NameNodes."""
    properties = hdfs_properties(manifests)
    wanted = {name: value for name, value in properties.items() if name.startswith("dfs.namenode.rpc-address.")}
    assert len(wanted) == 3
    connection = next(
        item for item in of_kind(manifests, "ExternalSecret") if item["metadata"]["name"] == "photo-connections"
    )
    parsed = json.loads(connection["spec"]["target"]["template"]["data"]["hdfs"])
    assert set(parsed["host"].split(",")) == {address.partition(":")[0] for address in wanted.values()}
    gallery = yaml.safe_load((root / "helm-values" / "photo-api.yaml").read_text())["environment"]
    for client in (parsed["extra"]["client_config"], json.loads(gallery["PHOTO_HDFS_CLIENT_CONFIG"])):
        assert {name: value for name, value in client.items() if name.startswith("dfs.namenode.rpc-address.")} == wanted
        assert client["dfs.ha.namenodes.photos"] == properties["dfs.ha.namenodes.photos"]


def test_hdfs_is_highly_available(manifests: list[Document]) -> None:
    """Three copies, a journal of three, and names that are those of the pods."""
    properties = hdfs_properties(manifests)
    assert properties["dfs.replication"] == "3"
    assert properties["dfs.ha.automatic-failover.enabled"] == "true"
    sets = {document["metadata"]["name"]: document["spec"] for document in of_kind(manifests, "StatefulSet")}
    text = " ".join(properties.values())
    for pod, ordinal, service in re.findall(r"\b([a-z-]+)-(\d)\.([a-z-]+)\.photos\.svc\.cluster\.local", text):
        assert pod == service == sets[service]["serviceName"]
        assert int(ordinal) < sets[service]["replicas"]
    assert properties["dfs.namenode.shared.edits.dir"].count("hdfs-journalnode") == 3 * 2


def test_elasticsearch_roles_are_the_local_stacks(manifests: list[Document]) -> None:
    """The roles of production are those that the tests on the real server run with."""
    secret = next(document for document in manifests if named(document) == "Secret/elasticsearch-roles")
    roles = yaml.safe_load(secret["stringData"]["roles.yml"])
    assert {name: roles[name] for name in ROLES} == ROLES


def test_no_manifest_holds_a_secret(manifests: list[Document]) -> None:
    """The one Secret that is written here names roles, no passwords; all others come from the store."""
    assert [document["metadata"]["name"] for document in of_kind(manifests, "Secret")] == ["elasticsearch-roles"]


@pytest.mark.parametrize("server", ["elasticsearch", "kibana", "hdfs"])
def test_servers_are_closed_to_all_but_named_clients(manifests: list[Document], server: str) -> None:
    """Behind the general refusal, each server's policy names who may reach it; none is open to everybody."""
    policies = {document["metadata"]["name"]: document["spec"] for document in of_kind(manifests, "NetworkPolicy")}
    assert policies["default-deny-ingress"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert all(rule.get("from") for rule in policies[server]["ingress"])


def test_metrics_exporter_may_only_look(manifests: list[Document]) -> None:
    """It describes the two topics and reads no record, has no privileges, and is reached by Prometheus alone."""
    users = {user["metadata"]["name"]: user for user in of_kind(manifests, "KafkaUser")}
    rules = users["photo-metrics"]["spec"]["authorization"]["acls"]
    assert {rule["resource"]["name"] for rule in rules} == {"photos.uploaded", "photos.streamed"}
    assert all(rule["operations"] == ["Describe"] for rule in rules)
    (deployment,) = of_kind(manifests, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    given = {item["name"]: item["value"] for item in container["env"]}
    assert "//photo_bi@" in given["PHOTO_DATABASE_URL"]
    policies = {document["metadata"]["name"]: document["spec"] for document in of_kind(manifests, "NetworkPolicy")}
    (rule,) = policies["photo-metrics"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]


def test_the_secured_local_stack_gives_the_same_rights(manifests: list[Document]) -> None:
    """What is tried there is what production has: user by user, resource by resource."""
    for user in of_kind(manifests, "KafkaUser"):
        rules = user["spec"]["authorization"]["acls"]
        declared = {(*_resource(rule["resource"]), *sorted(_words(rule["operations"]))) for rule in rules}
        rights = kafka_access.RIGHTS[user["metadata"]["name"]]
        local = {(right.kind, right.name, right.is_prefix, *sorted(right.operations)) for right in rights}
        assert declared == local


def _resource(resource: dict[str, str]) -> tuple[str, str, bool]:
    return resource["type"], resource.get("name", "kafka-cluster"), resource.get("patternType") == "prefix"


def _words(operations: list[str]) -> list[str]:
    return [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).upper() for operation in operations]
