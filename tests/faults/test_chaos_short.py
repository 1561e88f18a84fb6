"""The short form of ``make chaos``: five faults under load on the one-node stack, then every receipt is checked.

What the run leaves is what the verifier's own tests damage.
"""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from tests.chaos import verify
from tests.chaos.load import Held
from tests.chaos.report import tables
from tests.chaos.run import Plan, Result, check, faulted

from local_stack import Endpoints, Stack

FIVE = ("kafka", "datanode", "postgres", "airflow-scheduler", "task")
PLAN = Plan(seed=17, seconds=180, most=len(FIVE), rate=2.0, kinds=FIVE, pace=2.0, settle_seconds=300)
"""This seed kills a running task first and the scheduler second, so that its tasks are missed during the rest."""
DOUBLED = """
UPDATE ingest_record SET outcome = 'processed', photo_id = '{photo}' WHERE customer_id = '{customer}' AND reason IS NULL
"""

Settled = tuple[Result, verify.Evidence]


@pytest.fixture(scope="module")
def settled(full_stack: Endpoints, test_stack: Stack) -> Iterator[Settled]:
    """Give one run, settled and not checked yet."""
    with faulted(test_stack, PLAN, print) as found:
        yield found


@pytest.fixture
def evidence(settled: Settled) -> Iterator[verify.Evidence]:
    """Give what the run left, to be damaged in a transaction that is rolled back at the end."""
    _, found = settled
    with psycopg.connect(found.endpoints.database_url) as database:
        yield replace(found, database=database)
        database.rollback()


@pytest.mark.timeout(900)
def test_five_faults_lose_nothing_and_show_nothing_twice(settled: Settled) -> None:
    """Broker, DataNode, database, scheduler and a running task are killed while photos come in, each once."""
    result, found = settled
    check(found, result, print)
    assert result.findings == {}, tables(result)
    assert result.receipts > 0
    assert {done.kind for done in result.faults} == set(FIVE)


def forged(evidence: verify.Evidence, **changes: object) -> verify.Evidence:
    """The same with one receipt changed: that of a photo that can be decoded."""
    held = next(each for each in evidence.held if each.is_photo)
    others = [each for each in evidence.held if each.photo_id != held.photo_id]
    changed: Held = replace(held, **changes)  # type: ignore[arg-type] # any field of the receipt
    return replace(evidence, held=[changed, *others])


def test_the_verifier_finds_what_is_wrong(evidence: verify.Evidence) -> None:
    """It can fail: each of its checks finds the damage that it is for."""
    lost = forged(evidence, offset=2**40)
    assert "0 records" in next(verify.every_receipt_has_one_record(lost))
    wrong = forged(evidence, is_photo=False)
    assert "not rejected" in next(verify.every_receipt_has_one_record(wrong))
    assert list(verify.receipts_tell_the_truth(wrong))
    other_bytes = forged(evidence, sha256="0" * 64)
    assert any("not in the gallery" in line for line in verify.the_gallery_shows_each_photo_once(other_bytes))
    assert any("not what was sent" in line for line in verify.every_original_is_what_was_sent(other_bytes))
    unsent = replace(evidence, sent=set())
    assert any("never sent" in line for line in verify.the_gallery_shows_each_photo_once(unsent))


@pytest.mark.parametrize(
    ("damage", "find", "words"),
    [
        ("UPDATE rendition SET crc32 = crc32 # 1", verify.shards_are_what_the_index_says, "others than the index"),
        ('UPDATE rendition SET "offset" = "offset" + 1', verify.shards_are_what_the_index_says, "no member"),
        ("UPDATE shard SET length = length + 1", verify.shards_are_what_the_index_says, "bytes"),
        ("UPDATE partition_progress SET next_offset = next_offset + 1", verify.the_ledger_is_contiguous, "records in"),
        (
            DOUBLED,
            verify.no_photo_is_processed_twice,
            "times",
        ),
        (
            "UPDATE ingest_record SET outcome = 'duplicate' WHERE outcome = 'processed'",
            verify.no_photo_is_processed_twice,
            "processed 0 times",
        ),
        (
            "UPDATE ingest_record SET photo_id = gen_random_uuid() WHERE outcome = 'processed'",
            verify.whoever_listens_hears_of_every_photo,
            "no event",
        ),
    ],
)
def test_the_verifier_finds_damaged_tables(evidence: verify.Evidence, damage: str, find: object, words: str) -> None:
    """Damage that is planted in the verifier's own transaction, so that nobody else sees it."""
    uploader = evidence.customers[0]
    photo = next(each for each in evidence.held if each.is_photo and each.customer_id == uploader)
    evidence.database.execute(damage.format(photo=photo.photo_id, customer=photo.customer_id))
    assert callable(find)
    assert any(words in line for line in find(evidence))


def test_the_verifier_finds_a_missing_document(evidence: verify.Evidence) -> None:
    """A record that Elasticsearch has no document for, as when one was lost."""
    held = evidence.held[0]
    evidence.database.execute(
        'INSERT INTO ingest_record (topic, "partition", "offset", slice_id, outcome, reason, photo_id, customer_id, '
        "processed_at) "
        'SELECT topic, "partition", 1099511627776, slice_id, outcome, reason, photo_id, customer_id, processed_at '
        'FROM ingest_record WHERE (topic, "partition", "offset") = (%s, %s, %s)',
        (held.topic, held.partition, held.offset),
    )
    found = list(verify.elasticsearch_equals_postgresql(evidence))
    assert found == [f"{held.topic}-{held.partition}-1099511627776: not in Elasticsearch"]
