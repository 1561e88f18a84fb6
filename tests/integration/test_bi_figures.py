"""Every figure of the analysts' dashboards and report: Elasticsearch's answer equals SQL's, row by row and in order."""

import pytest
from sqlalchemy import text
from tests.support.figures import EVERYTHING, MONTHS, RECORDS, WINDOW, World, latencies, rank_fits
from tests.support.search import fresh_search

from local_stack import Endpoints
from photo_pipeline.bi.answers import ask, cube_of, full_scope
from photo_pipeline.bi.cube import ALL, EMPTY
from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.spec import Figure, Percentile, Scope

FIRST_PHOTOS = """
SELECT count(*) FROM (
  SELECT min(processed_at) AS first FROM bi_outcome WHERE outcome = 'processed' GROUP BY customer_id) customer
 WHERE first >= :since AND first < :until"""


def test_the_ledger_holds_what_the_figures_need(settled: World) -> None:
    """The comparison below would be worth little on uniform data: at least 1,000 outcomes, nothing left out."""
    with settled.bi.connect() as connection:
        row = connection.execute(
            text(
                "SELECT count(*), count(DISTINCT outcome), count(DISTINCT source), count(DISTINCT format), "
                "count(DISTINCT customer_id), count(DISTINCT customer_name), count(DISTINCT reject_reason), "
                "count(DISTINCT date_trunc('month', processed_at)), count(expired_at) FROM bi_outcome"
            )
        ).one()
    assert row[0] >= 1000
    assert row[1:8] == (3, 2, 5, 30, 29, 4, 3)
    assert row[8] >= 200


@pytest.mark.parametrize("scope", [EVERYTHING, WINDOW, MONTHS], ids=["by day", "two days by hour", "by month"])
@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_elasticsearch_says_what_sql_says(settled: World, figure: Figure, scope: Scope) -> None:
    """Same rows, same order, same numbers; a percentile's rank within ``RANK_TOLERANCE``."""
    parameters = {"since": scope.since, "until": scope.until, "interval": scope.interval.value}
    with settled.bi.connect() as connection:
        expected = [tuple(row) for row in connection.execute(text(figure.sql), parameters)]
    found = settled.found(figure, scope)
    assert expected
    assert [row.keys for row in found] == [row[: len(figure.dimensions)] for row in expected]
    for row, wanted in zip(found, expected, strict=True):
        for measure, value, right in zip(figure.measures, row.values, wanted[len(figure.dimensions) :], strict=True):
            if isinstance(measure, Percentile):
                assert value is not None
                assert rank_fits(latencies(settled.bi, scope, row.keys), value, measure.percent / 100)
                assert rank_fits(latencies(settled.bi, scope, row.keys), float(right), measure.percent / 100)
            else:
                assert value == pytest.approx(float(right), rel=1e-12)


@pytest.mark.parametrize("scope", [EVERYTHING, WINDOW, MONTHS], ids=["everything", "two days", "by month"])
def test_new_customers_are_those_of_sql(settled: World, scope: Scope) -> None:
    """Who had the first photo in the period, and none before it: by all records, and not by what marks them.

    In all and over time.
    """
    asked = {"since": scope.since, "until": scope.until}
    with settled.bi.connect() as connection:
        wanted = connection.execute(text(FIRST_PHOTOS), asked).scalar_one()
    assert wanted > 0
    named = {figure.name: figure for figure in FIGURES}
    assert settled.found(named["totals"], scope)[0].values[-1] == wanted
    assert sum(int(row.values[0] or 0) for row in settled.found(named["new-customers-over-time"], scope)) == wanted


def test_the_cube_adds_up(settled: World) -> None:
    """All its customers together are all of them, cell by cell, and those of SQL."""
    cube = cube_of(settled.search.sync, settled.search.alias, WINDOW)
    by = "source, format, (extract(epoch FROM date_trunc('hour', processed_at, 'UTC')) * 1000)::bigint"
    statement = (
        f"SELECT {by}, count(*), sum(bytes) FROM bi_outcome WHERE outcome = 'processed' "
        "AND processed_at >= :since AND processed_at < :until GROUP BY 1, 2, 3"
    )
    with settled.bi.connect() as connection:
        rows = connection.execute(text(statement), {"since": WINDOW.since, "until": WINDOW.until}).all()
    wanted = {tuple(row[:3]): (row[3], int(row[4])) for row in rows}
    together, single = ([cell for cell in cube.cells if (cell.customer == ALL) is whole] for whole in (True, False))
    assert wanted
    assert {(cell.source, cell.format, cell.time): (cell.photos, cell.bytes) for cell in together} == wanted
    assert sum(cell.photos for cell in single) == sum(count for count, _ in wanted.values())
    assert sum(cell.bytes for cell in single) == sum(size for _, size in wanted.values())


def test_nothing_is_an_answer_too(searched_stack: Endpoints) -> None:
    """Before the first outcome there is no index: every figure is empty, none fails."""
    with fresh_search(searched_stack) as search:
        assert full_scope(search.sync, search.alias) is None
        assert cube_of(search.sync, search.alias, EVERYTHING) == EMPTY
        for figure in FIGURES:
            answer = ask(search.sync, search.alias, figure, EVERYTHING)
            assert all(value in (0, None) for row in answer.rows for value in row.values)


def test_the_scope_of_everything_holds_everything(settled: World) -> None:
    """The report's default window misses neither the first nor the last record."""
    scope = full_scope(settled.search.sync, settled.search.alias)
    assert scope is not None
    (outcomes,) = (figure for figure in FIGURES if figure.name == "outcomes")
    assert sum(int(row.values[0] or 0) for row in settled.found(outcomes, scope)) == RECORDS
