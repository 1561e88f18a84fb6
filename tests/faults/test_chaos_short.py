"""The short form of ``make chaos``: five faults under load on the one-node stack, then every receipt is checked."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import psycopg
import pytest
from tests.chaos import verify
from tests.chaos.load import Held, Load, Sender
from tests.chaos.report import tables
from tests.chaos.run import Plan, _sync, run

from local_stack import Endpoints, Stack

FIVE = ("kafka", "datanode", "postgres", "airflow-scheduler", "task")
PATIENCE_SECONDS = 180.0
RECEIPTS = 10
DOUBLED = """
UPDATE ingest_record SET outcome = 'processed', photo_id = '{photo}' WHERE customer_id = '{customer}' AND reason IS NULL
"""


@pytest.mark.timeout(900)
def test_five_faults_lose_nothing_and_show_nothing_twice(full_stack: Endpoints, test_stack: Stack) -> None:
    """Broker, DataNode, database, scheduler and a running task are killed while photos come in, each once."""
    plan = Plan(seed=1, seconds=120, most=len(FIVE), rate=1.0, kinds=FIVE, settle_seconds=300)
    result = run(test_stack, plan, print)
    assert result.findings == {}, tables(result)
    assert result.receipts > 0
    assert {done.kind for done in result.faults} <= set(FIVE)


@pytest.fixture
def evidence(full_stack: Endpoints) -> Iterator[verify.Evidence]:
    """Give a photo that has been through everything, in a transaction that is rolled back at the end."""
    addresses = (full_stack.api_url, full_stack.stream_url)
    with (
        closing(Sender(*addresses)) as one,
        closing(Sender(*addresses)) as other,
        psycopg.connect(full_stack.database_url) as database,
    ):
        with Load(one, other, rate=5.0, seed=time.time_ns()) as load:
            while len(load.held) < RECEIPTS:
                time.sleep(0.2)
        found = verify.Evidence(full_stack, (one, other), load.held, load.sent, database)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while list(verify.receipts_tell_the_truth(found)):
            assert time.monotonic() < deadline
            time.sleep(1)
        yield found
        database.rollback()


def forged(evidence: verify.Evidence, **changes: object) -> verify.Evidence:
    """The same with one receipt changed: that of a photo that can be decoded."""
    held = next(each for each in evidence.held if each.is_photo)
    others = [each for each in evidence.held if each.photo_id != held.photo_id]
    changed: Held = replace(held, **changes)  # type: ignore[arg-type] # any field of the receipt
    return replace(evidence, held=[changed, *others])


def test_the_verifier_finds_what_is_wrong(evidence: verify.Evidence) -> None:
    """It can fail: each of its checks finds the damage that it is for, and nothing where there is none."""
    for check in (verify.every_receipt_has_one_record, verify.every_original_is_what_was_sent):
        assert list(check(evidence)) == []
    lost = forged(evidence, offset=2**40)
    assert "0 records" in next(verify.every_receipt_has_one_record(lost))
    wrong = forged(evidence, is_photo=False)
    assert "not rejected" in next(verify.every_receipt_has_one_record(wrong))
    assert list(verify.receipts_tell_the_truth(wrong))
    other_bytes = forged(evidence, sha256="0" * 64)
    assert any("not in the gallery" in line for line in verify.the_gallery_shows_each_photo_once(other_bytes))
    assert "not what was sent" in next(verify.every_original_is_what_was_sent(other_bytes))
    unsent = replace(evidence, sent=set())
    assert any("never sent" in line for line in verify.the_gallery_shows_each_photo_once(unsent))


@pytest.mark.parametrize(
    ("damage", "check", "words"),
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
def test_the_verifier_finds_damaged_tables(evidence: verify.Evidence, damage: str, check: object, words: str) -> None:
    """Damage that is planted in the verifier's own transaction, so that nobody else sees it."""
    uploader = evidence.customers[0]
    photo = next(each for each in evidence.held if each.is_photo and each.customer_id == uploader)
    evidence.database.execute(damage.format(photo=photo.photo_id, customer=photo.customer_id))
    assert callable(check)
    assert any(words in line for line in check(evidence))


def test_the_verifier_finds_a_missing_document(evidence: verify.Evidence) -> None:
    """A record that Elasticsearch has no document for, as when one was lost."""
    _sync(evidence.endpoints, time.monotonic() + PATIENCE_SECONDS)
    assert list(verify.elasticsearch_equals_postgresql(evidence)) == []
    held = evidence.held[0]
    evidence.database.execute(
        'INSERT INTO ingest_record (topic, "partition", "offset", slice_id, outcome, reason, photo_id, customer_id, '
        "processed_at) "
        'SELECT topic, "partition", 1099511627776, slice_id, outcome, reason, photo_id, customer_id, processed_at '
        'FROM ingest_record WHERE (topic, "partition", "offset") = (%s, %s, %s)',
        (held.topic, held.partition, held.offset),
    )
    found = set(verify.elasticsearch_equals_postgresql(evidence))
    assert f"{held.topic}-{held.partition}-1099511627776: not in Elasticsearch" in found
