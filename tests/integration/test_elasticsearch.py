"""``ElasticsearchIndex`` against a real Elasticsearch, under the account that the sync uses in production."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from elasticsearch import NotFoundError
from tests.support.search import Search, fresh_search, search_settings

from local_stack import Endpoints
from photo_pipeline.adapters.search.audit import ElasticsearchAudit
from photo_pipeline.adapters.search.client import make_client
from photo_pipeline.adapters.search.index import ElasticsearchIndex
from photo_pipeline.domain.documents import Document, IndexReport
from photo_pipeline.domain.errors import (
    AliasTakenError,
    IndexNotPreparedError,
    MappingConflictError,
    SearchRequestError,
    ServerUnavailableError,
)
from photo_pipeline.web.clock import SystemClock


@pytest.fixture
def search(searched_stack: Endpoints) -> Iterator[Search]:
    """Elasticsearch with nothing under an alias of its own."""
    with fresh_search(searched_stack) as found:
        yield found


def document(number: int, version: int = 1, month: str = "2026.03", **fields: str | int) -> Document:
    """A document of the mapping's form."""
    body = {"outcome": "processed", "offset": number, "processed_at": "2026-03-01T12:00:00Z", **fields}
    return Document(f"photos.uploaded-0-{number}", version, month, body)


def test_documents_go_to_the_index_of_their_month_behind_one_alias(search: Search) -> None:
    """Every new month gets its mapping by the template, and the alias; nobody has to create anything."""
    search.administered().ensure_template()
    assert search.index().generation() == 0
    report = search.index().write([document(1), document(2, month="2026.04")])
    assert report == IndexReport(indexed=2, conflicts=0, refused=())
    assert set(search.admin.indices.get_alias(name=search.alias)) == {
        f"{search.alias}-2026.03",
        f"{search.alias}-2026.04",
    }
    assert set(search.stored()) == {"photos.uploaded-0-1", "photos.uploaded-0-2"}
    assert search.index().generation() == 1


def test_refresh_makes_documents_visible_at_once(search: Search) -> None:
    """After a run's refresh a search finds what the run wrote; with no index at all it does nothing."""
    search.administered().ensure_template()
    index = search.index()
    index.refresh()
    index.write([document(1)])
    index.refresh()
    assert search.sync.count(index=search.alias)["count"] == 1


def test_an_older_version_never_replaces_a_newer_one(search: Search) -> None:
    """The same version again is no conflict, an older one is counted as one, and the newer document stays."""
    search.administered().ensure_template()
    index = search.index()
    index.write([document(1, version=3, outcome="duplicate")])
    assert index.write([document(1, version=3, outcome="duplicate")]) == IndexReport(indexed=1, conflicts=0)
    assert index.write([document(1, version=2), document(2)]) == IndexReport(indexed=1, conflicts=1)
    assert search.stored()["photos.uploaded-0-1"]["outcome"] == "duplicate"


def test_an_index_in_the_aliass_place_is_told(search: Search) -> None:
    """Set-up, sync and reconciliation are red and say what to do; once it is done all is as it should be."""
    search.admin.index(index=search.alias, document={"stray": True}, refresh=True)
    audit = ElasticsearchAudit(search.sync, search.alias, SystemClock())
    told = rf"an index named {search.alias}, .*; delete it \(DELETE /{search.alias}\), then run platform_setup"
    steps = [
        search.administered().ensure_template,
        search.index().refresh,
        lambda: search.index().write([document(1)]),
        audit.refresh,
    ]
    for step in steps:
        with pytest.raises(AliasTakenError, match=told):
            step()
    search.admin.indices.delete(index=search.alias)
    for step in steps:
        step()
    assert set(search.stored()) == {"photos.uploaded-0-1"}


def test_no_index_is_made_by_writing_to_the_aliass_name(search: Search) -> None:
    """After the set-up a stray write before the first month is refused, under whatever account."""
    search.administered().ensure_template()
    with pytest.raises(NotFoundError, match=r"index_not_found.*allow_auto_create|no such index"):
        search.admin.index(index=search.alias, document={"stray": True})
    search.index().write([document(1)])


def test_a_refused_document_is_named_and_the_others_are_stored(search: Search) -> None:
    """A bulk answer of 200 may hold a failed item: the mapping is strict, a stray field would be guessed."""
    search.administered().ensure_template()
    report = search.index().write([document(1), document(2, shoe_size=43), document(3)])
    (refused,) = report.refused
    assert (report.indexed, refused.document_id, refused.month) == (2, "photos.uploaded-0-2", "2026.03")
    assert "shoe_size" in refused.reason
    assert "\n" not in refused.reason
    assert set(search.stored()) == {"photos.uploaded-0-1", "photos.uploaded-0-3"}


def test_a_new_generation_is_seen_in_one_step(search: Search) -> None:
    """Nothing of it before, nothing of the old one after; what an abandoned one left goes as well."""
    search.administered().ensure_template()
    index = search.index()
    index.write([document(1), document(2, month="2026.04")])
    index.write([document(1)], 2)
    index.clear(2)
    assert index.count(2) == 0
    index.write([document(3), document(4, month="2026.05")], 2)
    assert (index.generation(), index.count(2)) == (1, 2)
    assert set(search.stored()) == {"photos.uploaded-0-1", "photos.uploaded-0-2"}
    index.publish(2)
    assert set(search.stored()) == {"photos.uploaded-0-3", "photos.uploaded-0-4"}
    assert set(search.admin.indices.get(index=f"{search.alias}-*")) == {
        f"{search.alias}-2026.03-g2",
        f"{search.alias}-2026.05-g2",
    }
    index.write([document(5, month="2026.06")])
    assert f"{search.alias}-2026.06-g2" in search.admin.indices.get_alias(name=search.alias)


def test_old_months_are_removed(search: Search) -> None:
    """Whole indices of ours, locked ones too, and nothing else; the present generation goes on."""
    search.administered().ensure_template()
    index = search.index()
    index.write([document(1, month="2024.11"), document(2, month="2024.12"), document(3, month="2026.03")])
    search.admin.indices.put_settings(index=f"{search.alias}-2024.11", settings={"index.blocks.read_only": True})
    search.admin.indices.create(index=f"{search.alias}-notes")
    assert index.forget("2026.03") == ["2024.11", "2024.12"]
    assert index.forget("2026.03") == []
    assert set(search.stored()) == {"photos.uploaded-0-3"}
    assert search.admin.indices.exists(index=f"{search.alias}-notes")
    search.admin.indices.delete(index=f"{search.alias}-notes")


def test_documents_of_an_older_form_are_noticed(search: Search) -> None:
    """They lack the field that tells versions apart."""
    search.administered().ensure_template()
    search.index().write([document(1, version=1)])
    search.index().refresh()
    assert search.index().is_outdated()


def test_without_template_nothing_is_mapped_by_guessing(search: Search) -> None:
    """The error names the fix, no document was written, and the fix repairs the index that is there."""
    with pytest.raises(IndexNotPreparedError, match="platform_setup"):
        search.index().write([document(1)])
    assert search.admin.count(index=f"{search.alias}-*")["count"] == 0
    search.administered().ensure_template()
    assert search.index().write([document(1)]).indexed == 1
    assert search.stored()["photos.uploaded-0-1"]["offset"] == 1


def test_template_can_be_installed_again_on_a_live_system(search: Search) -> None:
    """Indices of an older release get the new fields and keep their documents; then nothing changes any more."""
    search.admin.indices.create(
        index=f"{search.alias}-2026.03",
        mappings={"dynamic": "strict", "properties": {"outcome": {"type": "keyword"}}},
    )
    search.admin.index(index=f"{search.alias}-2026.03", id="old", document={"outcome": "processed"})
    search.administered().ensure_template()
    once = search.admin.indices.get(index=f"{search.alias}-*").body
    search.administered().ensure_template()
    assert search.admin.indices.get(index=f"{search.alias}-*").body == once
    search.index().write([document(1, camera="Canon EOS R6")])
    assert set(search.stored()) == {"old", "photos.uploaded-0-1"}


def test_a_field_that_cannot_be_remapped_is_reported(search: Search) -> None:
    """An index in which a field has another type is beyond repair in place: one error says what to do."""
    search.admin.indices.create(
        index=f"{search.alias}-2026.03", mappings={"properties": {"outcome": {"type": "integer"}}}
    )
    with pytest.raises(MappingConflictError, match=r"outcome.*"):
        search.administered().ensure_template()


def test_requests_are_bounded_in_bytes(search: Search) -> None:
    """A large batch goes out as many requests, each below the limit."""
    search.administered().ensure_template()
    documents = [document(number, camera="x" * 1000) for number in range(100)]
    search.index(max_batch_bytes=10_000).write(documents)
    stats = search.admin.indices.stats(index=search.alias, metric="bulk")["_all"]["primaries"]["bulk"]
    assert stats["total_operations"] >= 12
    assert stats["avg_size_in_bytes"] <= 10_000


def test_an_overloaded_server_is_asked_again(search: Search) -> None:
    """A server that answers 429 and recovers costs time, not documents."""
    search.administered().ensure_template()
    search.index().write([document(1)])
    with ThreadPoolExecutor(1) as background:
        with search.kept_full(f"{search.alias}-2026.03"):
            writing = background.submit(search.index().write, [document(2), document(3)])
            time.sleep(0.4)
        assert writing.result() == IndexReport(indexed=2, conflicts=0)
    assert len(search.stored()) == 3


def test_a_server_that_stays_overloaded_is_an_error_that_may_pass(search: Search) -> None:
    """After the last try the run fails in the way that Airflow tries again."""
    search.administered().ensure_template()
    search.index().write([document(1)])
    with (
        search.kept_full(f"{search.alias}-2026.03"),
        pytest.raises(ServerUnavailableError, match=r"photos\.uploaded-0-2"),
    ):
        search.index().write([document(2)])


def test_an_absent_server_is_an_error_that_may_pass(searched_stack: Endpoints) -> None:
    """Nothing listens: the same error as an overloaded one."""
    with make_client(search_settings("http://127.0.0.1:9", searched_stack.elasticsearch_user, "x")) as client:
        for call in (ElasticsearchIndex(client, "photos").generation, ElasticsearchIndex(client, "photos").refresh):
            with pytest.raises(ServerUnavailableError, match="Elasticsearch"):
                call()


def test_a_wrong_password_is_an_error_of_its_own(searched_stack: Endpoints) -> None:
    """Trying again would not help, so it must not look as if it did."""
    with make_client(
        search_settings(searched_stack.elasticsearch_url, searched_stack.elasticsearch_sync_user, "wrong")
    ) as client:
        index = ElasticsearchIndex(client, "photos")
        with pytest.raises(SearchRequestError, match="401"):
            index.write([document(1)])


def test_figures_that_dashboards_need_can_be_asked_for(search: Search) -> None:
    """Counts by field, over time, sums and percentiles all work on the mapping as it is."""
    search.administered().ensure_template()
    index = search.index()
    base = document(
        0, uploaded_at="2026-03-01T11:59:58.5Z", customer_name="Ada", format="jpeg", bytes=10, latency_ms=1500
    )
    index.write(
        [replace(base, document_id=f"d{n}", body={**base.body, "offset": n, "latency_ms": n}) for n in range(101)]
    )
    index.refresh()
    found = search.sync.search(
        index=search.alias,
        size=0,
        aggs={
            "who": {"terms": {"field": "customer_name"}, "aggs": {"what": {"terms": {"field": "format"}}}},
            "when": {"date_histogram": {"field": "uploaded_at", "fixed_interval": "1h"}},
            "size": {"sum": {"field": "bytes"}},
            "latency": {"percentiles": {"field": "latency_ms", "percents": [50]}},
        },
    )["aggregations"]
    assert found["who"]["buckets"][0]["what"]["buckets"] == [{"key": "jpeg", "doc_count": 101}]
    assert found["when"]["buckets"][0]["doc_count"] == 101
    assert found["size"]["value"] == 1010
    assert found["latency"]["values"]["50.0"] == pytest.approx(50)


def test_times_sort_as_times(search: Search) -> None:
    """With and without fractions of a second, with and without zone: every form that documents use is a date."""
    search.administered().ensure_template()
    search.index().write(
        [
            document(1, uploaded_at="2026-03-01T12:00:00Z", taken_at="2026-03-01T08:00:00"),
            document(2, uploaded_at="2026-03-01T12:00:00.123456Z", taken_at="0001-01-01T00:00:00"),
            document(3, uploaded_at="2026-02-28T23:00:00Z"),
        ]
    )
    search.index().refresh()
    found = search.sync.search(index=search.alias, sort=[{"uploaded_at": "asc"}])["hits"]["hits"]
    assert [hit["_source"]["offset"] for hit in found] == [3, 1, 2]
