"""Every panel of both dashboards, as the file holds it: its figures from Elasticsearch equal SQL's on PostgreSQL."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from tests.support.figures import EVERYTHING, MONTHS, WINDOW, World
from tests.support.lens import Json, Panel, kql, rows_of, saved, search_of
from tests.support.panels import FIGURE, PANELS, TIME_FIELD, Sides, differences
from tests.support.search import fresh_search, search_settings

from local_stack import Endpoints
from photo_pipeline.adapters.search.client import make_client
from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.kibana.saved_objects import CONTROLS, committed
from photo_pipeline.bi.spec import Page, Scope

SEARCHES = [each for each in saved(committed()) if each["type"] == "search"]


@pytest.fixture(scope="module")
def sides(settled: World, searched_stack: Endpoints) -> Iterator[Sides]:
    """Both servers as an analyst sees them."""
    url, user, password = (
        searched_stack.elasticsearch_url,
        searched_stack.elasticsearch_analyst_user,
        searched_stack.elasticsearch_analyst_password,
    )
    with make_client(search_settings(url, user, password)) as client:
        yield Sides(settled.bi, client, settled.search.alias)


@pytest.mark.parametrize("scope", [EVERYTHING, WINDOW, MONTHS], ids=["by day", "two days by hour", "by month"])
@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_a_panel_shows_what_sql_says(sides: Sides, panel: Panel, scope: Scope) -> None:
    """Same rows, same numbers, also those of the time before; a percentile's rank within the tolerance."""
    assert sides.expected(FIGURE[panel.name], scope)
    assert differences(sides, panel, scope) == []


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_a_list_is_in_order_and_with_its_rest_everything(sides: Sides, panel: Panel) -> None:
    """Most frequent first; what did not make it is in "Other", or the list says by its title that it ends there."""
    response = sides.response(panel, EVERYTHING)
    for name, column in list(panel.buckets.items())[:1]:
        if column["operationType"] != "terms":
            continue
        inside = response["aggregations"][name]
        counts = [bucket["doc_count"] for bucket in inside["buckets"]]
        assert counts == sorted(counts, reverse=True)
        assert inside["doc_count_error_upper_bound"] == 0
        assert sum(counts) + inside["sum_other_doc_count"] == response["hits"]["total"]["value"]
        if inside["sum_other_doc_count"] and not column["params"]["otherBucket"]:
            assert len(counts) == column["params"]["size"]


@pytest.mark.parametrize("field", sorted({field for page in Page for field, _ in CONTROLS[page]}))
def test_a_control_leaves_what_sql_finds(sides: Sides, field: str) -> None:
    """Each of its values, put on a panel of all records."""
    statement = (
        f"SELECT {field}, count(*) FROM bi_outcome WHERE {field} IS NOT NULL "
        "AND processed_at >= :since AND processed_at < :until GROUP BY 1"
    )
    with sides.bi.connect() as connection:
        wanted = {row[0]: row[1] for row in connection.execute(text(statement), _times(EVERYTHING))}
    panel = next(panel for panel in PANELS if panel.name == "throughput")
    assert wanted
    for value, count in wanted.items():
        response = sides.response(panel, EVERYTHING, ({"term": {field: value}},))
        shown = sum(next(iter(row.values.values())) or 0 for row in rows_of(panel, response))
        assert (value, shown) == (value, count)


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: str(search["id"]))
def test_a_saved_search_finds_what_sql_finds(sides: Sides, search: Json) -> None:
    """As many records, the newest first, with the columns that it names."""
    query = json.loads(search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"]
    (order,) = search["attributes"]["sort"]
    picked = {"range": {TIME_FIELD: {"gte": EVERYTHING.since.isoformat(), "lt": EVERYTHING.until.isoformat()}}}
    found = sides.client.search(
        index=sides.alias,
        query={"bool": {"filter": [picked, *kql(query)]}},
        sort=[{order[0]: order[1]}],
        size=50,
        track_total_hits=True,
    ).body
    where = "AND outcome = 'rejected'" if query else ""
    statement = f'SELECT "offset" FROM bi_outcome WHERE processed_at >= :since AND processed_at < :until {where} '
    with sides.bi.connect() as connection:
        wanted = list(connection.execute(text(statement + "ORDER BY processed_at DESC"), _times(EVERYTHING)).scalars())
    assert found["hits"]["total"]["value"] == len(wanted) > 0
    assert [hit["_source"]["offset"] for hit in found["hits"]["hits"]] == wanted[:50]
    seen = {name for hit in found["hits"]["hits"] for name, value in hit["_source"].items() if value is not None}
    # A record that was refused has a photo's id where it is a photo that was sent before.
    assert set(search["attributes"]["columns"]) - {"photo_id"} <= seen


def test_nothing_is_an_answer_too(searched_stack: Endpoints) -> None:
    """Before the first outcome there is no index, after the set-up an empty one: no panel's search fails.

    The set-up makes one index and no second one.
    """
    with fresh_search(searched_stack) as search:
        index = search.administered()
        for made in (False, True):
            if made:
                index.ensure_template()
                index.ensure_shown("2026.01")
                index.ensure_shown("2026.02")
                assert [str(name) for name in index._seen()] == [f"{search.alias}-2026.01"]
                assert index.is_empty()
            for panel in PANELS:
                response = search.sync.search(
                    index=search.alias, ignore_unavailable=not made, **search_of(panel, TIME_FIELD, EVERYTHING)
                )
                assert response["hits"]["total"]["value"] == 0


def test_both_dashboards_together_show_every_figure() -> None:
    """Its first measure, and bytes where a tile, a table or a chart of their own can show them."""
    shown = {(FIGURE[panel.name].name, panel.columns[name]["label"]) for panel in PANELS for name in panel.drawn()}
    for figure in FIGURES:
        assert (figure.name, figure.measures[0].label) in shown
    assert {("outcomes", "bytes"), ("top-customers", "bytes"), ("volume", "bytes")} <= shown
    assert {("bytes-by-month", "bytes"), ("totals", "customers before"), ("photos-over-time", "photos before")} <= shown


def _times(scope: Scope) -> dict[str, object]:
    return {"since": scope.since, "until": scope.until}
