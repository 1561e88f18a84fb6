"""Kibana in the deployment files: who may look, who may bring dashboards, and whom the workers trust."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from photo_pipeline.bi.kibana.access import ROLE, SPACE

Document = dict[str, Any]
Roles = dict[str, Document]


@pytest.fixture(params=["compose", "kubernetes"])
def roles(request: pytest.FixtureRequest, root: Path, manifests: list[Document]) -> Roles:
    """Elasticsearch's roles, as each deployment makes them."""
    if request.param == "compose":
        folder = root / "compose" / "elasticsearch" / "roles"
        return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    secret = next(one for one in manifests if one["metadata"]["name"] == "elasticsearch-roles")
    found: Roles = yaml.safe_load(secret["stringData"]["roles.yml"])
    return found


def test_an_analyst_may_do_what_the_role_says_and_no_more(roles: Roles) -> None:
    """Where Elasticsearch makes the roles, the two of an analyst are together what Kibana would be told."""
    (indices,) = roles["photo_analyst"]["indices"]
    assert indices == {"names": list(ROLE.indices), "privileges": ["read", "view_index_metadata"]}
    assert "applications" not in roles["photo_analyst"]
    (application,) = roles["photo_kibana_reader"]["applications"]
    assert set(roles["photo_kibana_reader"]) == {"applications"}
    assert application == {
        "application": "kibana-.kibana",
        "privileges": [f"feature_{name}.read" for name in ROLE.features],
        "resources": [f"space:{SPACE.identifier}"],
    }


def test_the_provisioner_has_kibana_and_nothing_of_elasticsearch(roles: Roles) -> None:
    """A space takes all of Kibana; security, indices and cluster are not its business."""
    assert roles["photo_provisioner"] == {
        "applications": [{"application": "kibana-.kibana", "privileges": ["all"], "resources": ["*"]}]
    }


def test_the_connections_leave_roles_to_elasticsearch(services: dict[str, Document], manifests: list[Document]) -> None:
    """Both log in as the provisioner, with ``manage_role`` off, and say where the rest of the platform is."""
    given = services["airflow-scheduler"]["environment"]["AIRFLOW_CONN_PHOTO_KIBANA"]
    for text in (
        _filled(_filled(given)),
        _connection(manifests, "kibana"),
    ):
        connection = json.loads(text)
        assert connection["login"] == "photo_provisioner"
        assert connection["extra"].pop("manage_role") is False
        assert set(connection["extra"]) == {"photos_page", "gallery"}
        assert connection["extra"]["photos_page"].endswith("/plugin/photos")


def test_workers_are_given_the_authority_that_they_trust(
    manifests: list[Document], values: Callable[[str], Document]
) -> None:
    """The file in Elasticsearch's connection is mounted from the secret that ECK writes for the cluster."""
    connection = json.loads(_connection(manifests, "elasticsearch"))
    workers = values("airflow")["workers"]["celery"]
    path = Path(connection["extra"]["ca_certs"])
    assert connection["schema"] == "https"
    (mount,) = [one for one in workers["extraVolumeMounts"] if one["mountPath"] == str(path.parent)]
    (volume,) = [one for one in workers["extraVolumes"] if one["name"] == mount["name"]]
    cluster = next(one for one in manifests if one["kind"] == "Elasticsearch")
    assert volume["secret"]["secretName"] == f"{cluster['metadata']['name']}-es-http-certs-public"
    assert path.name in {item["path"] for item in volume["secret"]["items"]}
    assert "tls" not in cluster["spec"].get("http", {})


def test_days_are_those_of_sql(root: Path, manifests: list[Document]) -> None:
    """UTC for every reader: the dashboards' days would otherwise be the browser's."""
    own = yaml.safe_load((root / "compose" / "kibana" / "kibana.yml").read_text())
    assert own["uiSettings"]["overrides"] == {"dateFormat:tz": "UTC"}
    (cluster,) = [one for one in manifests if one["kind"] == "Kibana"]
    assert cluster["spec"]["config"]["uiSettings.overrides"] == {"dateFormat:tz": "UTC"}


def test_kibana_lets_the_workers_in(manifests: list[Document]) -> None:
    """Or the import would time out against the policy."""
    policy = next(one for one in manifests if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == "kibana")
    (rule,) = policy["spec"]["ingress"]
    assert {"podSelector": {"matchLabels": {"component": "worker"}}} in rule["from"]


def _filled(text: str) -> str:
    """Compose's variables filled in; a default may hold another one."""
    return re.sub(r"\$\{[^{}]+\}", "secret", text)


def _connection(manifests: list[Document], key: str) -> str:
    """A connection as External Secrets writes it, with a secret in place of the password."""
    secret = next(one for one in manifests if one["metadata"]["name"] == "photo-connections")
    text: str = secret["spec"]["target"]["template"]["data"][key]
    return re.sub(r"\{\{ \.\w+ \| toJson \}\}", '"secret"', text)
