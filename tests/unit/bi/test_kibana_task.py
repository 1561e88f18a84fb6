"""What ``platform_setup`` does about Kibana: nothing without the connection, everything with it."""

import json
from urllib.parse import urlsplit

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from tests.support.kibana_contract import StandIn, stand_in

from photo_pipeline.domain.errors import CertificateFileError, UnusableConnectionError
from photo_pipeline.orchestration.connections import kibana_settings
from photo_pipeline.orchestration.setup_tasks import dashboards

VARIABLE = "AIRFLOW_CONN_PHOTO_KIBANA"
USER, PASSWORD = "photo_provisioner", "correct horse"


def connect(monkeypatch: pytest.MonkeyPatch, kibana: StandIn, **extra: object) -> None:
    """Give Airflow the connection."""
    address = urlsplit(kibana.url)
    connection = {
        "conn_type": "http",
        "host": address.hostname,
        "port": address.port,
        "schema": "http",
        "login": USER,
        "password": PASSWORD,
        "extra": extra,
    }
    monkeypatch.setenv(VARIABLE, json.dumps(connection))


def test_without_the_connection_the_task_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a line that says what is missing: the platform needs no Kibana."""
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(AirflowSkipException, match="no connection photo_kibana"):
        dashboards()


def test_with_the_connection_all_is_brought(monkeypatch: pytest.MonkeyPatch) -> None:
    """And brought again without harm."""
    with stand_in(USER, PASSWORD) as kibana:
        connect(monkeypatch, kibana)
        assert dashboards() == "space created, role set, 5 saved objects in place"
        assert dashboards() == "space kept, role set, 5 saved objects in place"
        assert set(kibana.roles) == {"photo_analyst"}


def test_the_connection_may_leave_roles_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its account then needs no right over security."""
    with stand_in(USER, PASSWORD) as kibana:
        connect(monkeypatch, kibana, manage_role=False)
        assert dashboards() == "space created, role left alone, 5 saved objects in place"
        assert not kibana.roles


def test_the_connections_name_whom_to_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """``ca_certs`` in the extra is the file of authorities, and one that is not there is named in one line."""
    with stand_in(USER, PASSWORD) as kibana:
        connect(monkeypatch, kibana, ca_certs="/nowhere/ca.crt")
        settings = kibana_settings()
        assert settings is not None
        assert str(settings.ca_file) == "/nowhere/ca.crt"
        with pytest.raises(CertificateFileError, match=r"no certificates in /nowhere/ca\.crt"):
            dashboards()


def test_the_connection_may_name_where_the_rest_of_the_platform_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dashboards then link to it; what is no address of the web is refused in one line."""
    links = {"photos_page": "https://airflow.test/photos-page/", "gallery": "", "photo": "http://a.test/{photo_id}"}
    with stand_in(USER, PASSWORD) as kibana:
        connect(monkeypatch, kibana, manage_role=False, **links)
        settings = kibana_settings()
        assert settings is not None
        assert (settings.photos_page, settings.gallery, settings.photo) == (links["photos_page"], None, links["photo"])
        dashboards()
        board = kibana.objects["photos", "dashboard", "photo-pipeline-health"]
        assert links["photos_page"] in board["attributes"]["panelsJSON"]
        connect(monkeypatch, kibana, gallery="javascript:alert(1)")
        with pytest.raises(UnusableConnectionError, match="gallery must begin with http:// or https://"):
            kibana_settings()


def test_ids_that_another_space_holds_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task's line says that the documented addresses lead nowhere, and where the dashboards are."""
    with stand_in(USER, PASSWORD) as kibana:
        connect(monkeypatch, kibana, manage_role=False)
        kibana.objects["default", "dashboard", "photo-pipeline-health"] = {}
        said = "1 of them under other ids, since another space holds theirs (photo-pipeline-health is made-up-1)"
        assert dashboards() == f"space created, role left alone, 5 saved objects in place, {said}"
        kibana.settings["photos"]["defaultRoute"]["userValue"] = "/app/discover"
        assert dashboards().endswith(f"{said}, the page that the space opens with left as somebody chose it")
