"""The adapter for Kibana against a stand-in that checks every request by the documented contract, over real HTTP."""

import json
import socket
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from tests.support.kibana_contract import StandIn, stand_in

from photo_pipeline.adapters.search.kibana import KibanaServer
from photo_pipeline.bi.kibana.access import ROLE, SPACE, bundle
from photo_pipeline.bi.kibana.saved_objects import committed
from photo_pipeline.domain.dashboards import ImportedObjects, PlatformLinks, Space, SpaceChange
from photo_pipeline.domain.errors import DashboardRequestError, DashboardsRefusedError, ServerUnavailableError
from photo_pipeline.settings import KibanaSettings
from photo_pipeline.use_cases.dashboards import Provisioned, provision

USER, PASSWORD = "photo_provisioner", "correct horse"


@pytest.fixture
def kibana() -> Iterator[StandIn]:
    """The stand-in."""
    with stand_in(USER, PASSWORD) as server:
        yield server


@pytest.fixture
def server(kibana: StandIn) -> Iterator[KibanaServer]:
    """The adapter, logged in."""
    with KibanaServer(settings(kibana.url)) as adapter:
        yield adapter


def settings(url: str, password: str = PASSWORD) -> KibanaSettings:
    """Of an account on one Kibana."""
    return KibanaSettings(url=url, user=USER, password=SecretStr(password))


def test_all_is_brought_and_again_without_a_change(kibana: StandIn, server: KibanaServer) -> None:
    """Space, role and every object; the second time nothing is made twice, and nothing conflicts."""
    first = provision(server, bundle(), manage_role=True)
    held = (dict(kibana.spaces), dict(kibana.roles), dict(kibana.objects))
    assert first == Provisioned(SpaceChange.CREATED, role=True, objects=5, renamed=(), landing=True)
    assert {key[0] for key in kibana.objects} == {"photos"}
    assert set(kibana.objects) == {
        ("photos", each["type"], each["id"]) for each in map(json.loads, committed().splitlines())
    }
    again = provision(server, bundle(), manage_role=True)
    assert again == Provisioned(SpaceChange.KEPT, role=True, objects=5, renamed=(), landing=True)
    assert held == (kibana.spaces, kibana.roles, kibana.objects)


def test_the_role_reads_and_does_nothing_else(kibana: StandIn, server: KibanaServer) -> None:
    """The photos' indices, and three features of one space."""
    server.ensure_role(ROLE)
    assert kibana.roles == {
        "photo_analyst": {
            "elasticsearch": {
                "cluster": [],
                "indices": [{"names": ["photos*"], "privileges": ["read", "view_index_metadata"]}],
                "run_as": [],
            },
            "kibana": [
                {
                    "base": [],
                    "feature": {"dashboard": ["read"], "discover": ["read"], "visualize": ["read"]},
                    "spaces": ["photos"],
                }
            ],
        }
    }


def test_roles_may_be_left_to_somebody_else(kibana: StandIn, server: KibanaServer) -> None:
    """Then security is not even asked."""
    assert provision(server, bundle(), manage_role=False).role is False
    assert not [call for call in kibana.asked if "security" in call]


def test_a_spaces_name_is_corrected_and_the_rest_of_it_kept(kibana: StandIn, server: KibanaServer) -> None:
    """Somebody's colour and features stay as they are."""
    own = {"color": "#aabbcc", "disabledFeatures": ["maps"]}
    kibana.spaces["photos"] = {"id": "photos", "name": "old", **own}
    assert server.ensure_space(SPACE) is SpaceChange.CORRECTED
    assert kibana.spaces["photos"] == {"id": "photos", "name": SPACE.name, "description": SPACE.description, **own}


def test_a_space_made_by_somebody_else_in_between_is_as_good(kibana: StandIn, server: KibanaServer) -> None:
    """Two set-ups at the same time: the slower one's conflict is no failure."""

    class Vanishing(dict[str, dict[str, object]]):
        def get(self, key: str, default: object = None) -> object:  # type: ignore[override]  # narrower on purpose
            return None

    kibana.spaces = Vanishing({"photos": {"id": "photos", "name": "Photos"}})
    assert server.ensure_space(SPACE) is SpaceChange.KEPT


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        (0, "search photo-pipeline-all-outcomes: missing_references (index-pattern photo-pipeline-outcomes)"),
        (2, "dashboard photo-pipeline-health: missing_references (search photo-pipeline-rejected-records)"),
    ],
)
def test_objects_that_were_not_taken_are_named(kibana: StandIn, server: KibanaServer, lost: int, message: str) -> None:
    """With Kibana's reason for each, and nothing is taken for done."""
    server.ensure_space(SPACE)
    lines = committed().splitlines(keepends=True)
    with pytest.raises(DashboardsRefusedError) as caught:
        server.import_objects(SPACE, b"".join(lines[:lost] + lines[lost + 1 :]))
    assert message in str(caught.value)
    assert not kibana.objects


def test_an_import_of_fewer_objects_than_were_sent_is_a_failure(kibana: StandIn, server: KibanaServer) -> None:
    """Even where Kibana calls it a success."""
    server.ensure_space(SPACE)

    class Deaf(KibanaServer):
        def import_objects(self, space: object, objects: bytes) -> ImportedObjects:
            return ImportedObjects(4)

    with Deaf(settings(kibana.url)) as deaf, pytest.raises(DashboardsRefusedError, match="4 of 5"):
        provision(deaf, bundle(), manage_role=False)


def test_ids_that_another_space_holds_are_told(kibana: StandIn, server: KibanaServer) -> None:
    """Kibana makes others up and calls that a success: it is one, at other addresses, which stay the next time."""
    assert server.import_objects(Space("default", "Default", ""), committed()).renamed == ()
    first = provision(server, bundle(), manage_role=False)
    names = {each.identifier: each.here for each in first.renamed}
    assert first.objects == len(names) == 5
    assert not {key[2] for key in kibana.objects if key[0] == "photos"} & set(names)
    assert provision(server, bundle(), manage_role=False).renamed == first.renamed
    here = [each for key, each in kibana.objects.items() if key[0] == "photos"]
    assert {one["id"] for each in here for one in each["references"]} <= set(names.values())
    landing = kibana.settings["photos"]["defaultRoute"]["userValue"]
    assert landing == f"/app/dashboards#/view/{names['photo-pipeline-photos-processed']}"


def test_the_space_opens_with_the_photos(kibana: StandIn, server: KibanaServer) -> None:
    """Unless somebody chose another page, which stays."""
    assert provision(server, bundle(), manage_role=False).landing
    wanted = {"userValue": "/app/dashboards#/view/photo-pipeline-photos-processed"}
    assert kibana.settings["photos"] == {"defaultRoute": wanted}
    chosen = {"defaultRoute": {"userValue": "/app/discover"}}
    kibana.settings["photos"] = dict(chosen)
    assert not provision(server, bundle(), manage_role=False).landing
    assert kibana.settings["photos"] == chosen


def test_a_kibana_that_is_too_old_says_so(kibana: StandIn, server: KibanaServer) -> None:
    """It knows no objects of a newer version; nothing is taken, and its words reach the reader."""
    server.ensure_space(SPACE)
    newer = committed().replace(b'"typeMigrationVersion":"8.9.0"', b'"typeMigrationVersion":"10.3.0"')
    with pytest.raises(DashboardRequestError, match=r"\(422\): Document .* more recent version of Kibana \[10\.3\.0\]"):
        server.import_objects(SPACE, newer)
    assert not kibana.objects


def test_known_addresses_become_links(kibana: StandIn, server: KibanaServer) -> None:
    """To the operators' page and the gallery on both dashboards, to each photo under its id; else there is none."""
    links = PlatformLinks("https://airflow.test/photos-page/", "https://photos.test", "https://a.test/p?id={photo_id}")
    provision(server, bundle(links), manage_role=False)
    for board in ("photo-pipeline-photos-processed", "photo-pipeline-health"):
        assert [link.get("destination") for link in _links(kibana, board)] == [None, links.photos_page, links.gallery]
    assert '"urlTemplate":"https://a.test/p?id={{value}}"' in _formats(kibana)
    provision(server, bundle(), manage_role=False)
    assert [link.get("destination") for link in _links(kibana, "photo-pipeline-health")] == [None]
    assert "urlTemplate" not in _formats(kibana)


def _links(kibana: StandIn, board: str) -> list[dict[str, str]]:
    panels = json.loads(kibana.objects["photos", "dashboard", board]["attributes"]["panelsJSON"])
    (links,) = (panel["embeddableConfig"]["attributes"]["links"] for panel in panels if panel["type"] == "links")
    return list(links)


def _formats(kibana: StandIn) -> str:
    view = kibana.objects["photos", "index-pattern", "photo-pipeline-outcomes"]
    return str(view["attributes"]["fieldFormatMap"])


def test_a_wrong_log_in_is_named(kibana: StandIn) -> None:
    """And tried once: it will not come right by itself."""
    with (
        KibanaServer(settings(kibana.url, "wrong")) as stranger,
        pytest.raises(DashboardRequestError, match=r"GET /api/spaces/space/photos \(401\): Unauthorized"),
    ):
        stranger.ensure_space(SPACE)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_kibana_that_is_starting_is_away(kibana: StandIn, server: KibanaServer, status: int) -> None:
    """Not ready yet, or overloaded: a reason to try again."""
    kibana.failing = (status, b"Kibana server is not ready yet")
    with pytest.raises(ServerUnavailableError, match=f"Kibana.*{status}"):
        server.ensure_space(SPACE)


def test_nobody_there_is_away() -> None:
    """A refused connection."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with KibanaServer(settings(url)) as server, pytest.raises(ServerUnavailableError, match="Kibana"):
            server.ensure_space(SPACE)


@pytest.mark.parametrize("text", [b"<html>Welcome</html>", b"[]"])
def test_another_server_is_told_apart(kibana: StandIn, server: KibanaServer, text: bytes) -> None:
    """An address that leads elsewhere says so."""
    kibana.failing = (200, text)
    with pytest.raises(DashboardRequestError, match="wrong address"):
        server.ensure_space(SPACE)
    kibana.failing = (302, b"")
    with pytest.raises(DashboardRequestError, match="302"):
        server.ensure_space(SPACE)
