"""Erasing on real servers: nothing names the photo any more, and all others are as they were."""

import io
import json
import tarfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey
from sqlalchemy import Engine
from tests.support.clocks import HOUR, run_at
from tests.support.erasing import Erasures
from tests.support.reconciliation import Reconciled, photo
from tests.support.reprocessing import Reprocessing
from tests.support.retention import Disturbance, Disturbed, Killed, kill

from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.gallery import PostgresGallery
from photo_pipeline.adapters.postgres.holds import CUSTOMER, OPERATOR, PostgresHoldRegister
from photo_pipeline.composition.ingest import ingest_limits
from photo_pipeline.composition.retention import retention_ports
from photo_pipeline.domain.errors import (
    AttemptSupersededError,
    ErasureHeldError,
    ErasureUnfinishedError,
    InvalidEraseRequestError,
    NothingToEraseError,
    PhotoErasedError,
)
from photo_pipeline.domain.events import Delivery
from photo_pipeline.domain.gallery import ReceiptState
from photo_pipeline.domain.photo import Receipt, Source, photo_id_for, sha256_hex
from photo_pipeline.domain.reprocess import Request
from photo_pipeline.domain.retention import KEEP, MARGIN
from photo_pipeline.use_cases.ingest import process_slice
from photo_pipeline.use_cases.reprocess import RederivePorts, rederive_shards

KILLS = ("archive.rename", "ledger.switch", "ledger.is_needed", "archive.delete", "ledger.settle")


@pytest.fixture
def erasures(world: Reconciled, tmp_path: Path) -> Erasures:
    """An operator, and a key that proofs are signed with."""
    return Erasures.of(world, tmp_path)


def hold(world: Reconciled, customer: UUID, photo_id: UUID | None, origin: str = OPERATOR) -> None:
    """Keep a photo, or all of a customer's."""
    engine = make_engine(world.pipeline.settings.database, "tests")
    try:
        PostgresHoldRegister(engine, origin).place(customer, photo_id, "case 9", "counsel")
    finally:
        engine.dispose()


def originals(world: Reconciled) -> dict[str, str]:
    """The sha256 of what the index finds for each photo, read through HDFS's other door; as the row says it is."""
    rows = world.pipeline.rows(
        'SELECT p.photo_id, p.sha256, s.path, r."offset", r.length FROM photo p JOIN rendition r USING (photo_id) '
        "JOIN shard s ON s.shard_id = r.shard_id AND p.shard_id = s.shard_id WHERE r.kind = 'original'"
    )
    found = {}
    for photo_id, digest, path, offset, length in rows:
        begin = int(str(offset))
        content = world.pipeline.read_file(str(path))[begin : begin + int(str(length))]
        assert sha256(content).hexdigest() == digest
        found[str(photo_id)] = str(digest)
    return found


def receipt_of(sent: Delivery, photo_id: UUID, data: bytes) -> Receipt:
    """What its sender was given."""
    return Receipt(photo_id, sha256_hex(data), sent.coordinates, sent.timestamp)


def verified(proof: str, key: OKPKey) -> dict[str, Any]:
    """What a proof says, checked with the public key alone by the library that any holder would use."""
    public = OKPKey.import_key(key.as_dict(private=False))
    found = jws.deserialize_compact(proof, public, algorithms=["EdDSA"])
    assert found.headers()["typ"] == "photo-erasure+jwt"
    claims: dict[str, Any] = json.loads(found.payload)
    return claims


def test_a_photo_is_named_nowhere_and_all_others_are_as_they_were(
    world: Reconciled, erasures: Erasures, api: Engine
) -> None:
    """It lay in a shard, in a shard derived from that, and in one of a duplicate; the erasure is killed at each step.

    Afterwards nothing names it, no other photo has changed, the reconciliation finds nothing, the proof verifies. Sent
    again or fed again it is refused, without a copy. Retention takes what is left when it would have.
    """
    pipeline = world.pipeline
    mine, others = photo(1), [photo(seed) for seed in range(2, 6)]
    customer = world.ingest(others[0], mine, others[1])
    gone = photo_id_for(customer, sha256_hex(mine))
    again = Reprocessing(pipeline)
    assert again.rederive(again.ask()).moved == 3
    (sent,) = pipeline.send(customer, mine)
    pipeline.send(customer, others[2])
    pipeline.ingest()
    pipeline.publish()
    shares = "INSERT INTO share VALUES (:id, :customer, sha256('x'), now(), now() + interval '1 day')"
    share = uuid4()
    pipeline.execute(shares, id=share, customer=customer)
    pipeline.execute("INSERT INTO share_photo VALUES (:id, :photo, 1)", id=share, photo=gone)
    hold(world, customer, gone, CUSTOMER)
    pipeline.execute(
        "INSERT INTO reconciliation (run_id, check_name, status, subject) VALUES ('r', 'photos', 'finding', :subject)",
        subject=f"photo {gone}",
    )
    world.sync()
    before = originals(world)
    assert {"photo", "ledger_record", "rendition", "hold", "share_photo", "reconciliation"} <= {
        name.partition("_2")[0] for name in erasures.named_in(gone, sha256_hex(mine))
    }

    erasure_id = erasures.begin(photo_id=str(gone))
    for step in KILLS:
        disturbance = Disturbance(step, kill)
        with pytest.raises(Killed):
            erasures.rewrite(erasure_id, lambda port, name: Disturbed(port, name, disturbance))  # noqa: B023
        assert originals(world) == {name: digest for name, digest in before.items() if name != str(gone)}
    erasures.rewrite(erasure_id)
    assert erasures.begin(photo_id=str(gone)) == erasure_id
    documents = erasures.blank(erasure_id)
    proof = erasures.prove(erasure_id, documents)
    assert erasures.prove(erasure_id, documents) == proof

    assert documents == 2
    assert erasures.named_in(gone, sha256_hex(mine)) == []
    assert originals(world) == {name: digest for name, digest in before.items() if name != str(gone)}
    assert len(before) == 4
    for (path,) in pipeline.rows("SELECT path FROM shard WHERE state = 'live'"):
        with tarfile.open(fileobj=io.BytesIO(pipeline.read_file(str(path)))) as tar:
            assert all(member.name.endswith((".jpg", ".json")) for member in tar.getmembers())
    claims = verified(proof, erasures.key)
    assert claims["subject"]["sha256"] == sha256(f"salt{gone}".encode()).hexdigest()
    assert (claims["erased"]["shards_rewritten"], claims["erased"]["records_blanked"]) == (3, 2)
    assert {had["topic"]: had["records"] for had in claims["kafka"]["had"]} == {
        pipeline.settings.topics.uploaded: 2,
        pipeline.settings.topics.processed: 1,
    }
    assert str(gone) not in json.dumps(claims)
    status = PostgresGallery(api).receipts([receipt_of(sent, gone, mine)])
    assert [(each.state, each.reason) for each in status] == [(ReceiptState.REJECTED, "erased")]
    world.sync()
    assert [result.findings for result in world.run().values() if result.findings] == []

    pipeline.send(customer, mine, source=Source.STREAM)
    pipeline.send(customer, others[3])
    pipeline.ingest()
    pipeline.publish()
    world.sync()
    assert pipeline.rows(
        "SELECT reason, outcome FROM ingest_record WHERE topic = :topic", topic=pipeline.settings.topics.streamed
    ) == [("erased", "rejected")]
    (letter,) = pipeline.records(pipeline.settings.topics.rejected)
    assert (letter.key, letter.value) == (None, b"")
    assert again.feed(again.ask_for_dead_letters("letters")).fed == 0
    assert erasures.named_in(gone, sha256_hex(mine)) == []
    assert [result.findings for result in world.run().values() if result.findings] == []
    with pytest.raises(NothingToEraseError, match="has been erased before"):
        erasures.begin("another", photo_id=str(gone))

    with retention_ports(pipeline.settings.database, pipeline.settings.hdfs) as ports:
        run_at(ports, KEEP + MARGIN)
        summary = run_at(ports, KEEP + MARGIN + HOUR)
    assert (summary.removed, summary.foreign) == (4, 0)
    assert pipeline.files("") == []


def test_what_stands_in_the_way(world: Reconciled, erasures: Erasures) -> None:
    """An operator's hold, a shard that is just being removed, no such photo: nothing is begun, and all is told."""
    pipeline, data = world.pipeline, photo(1)
    customer = world.ingest(data, photo(2))
    wanted = photo_id_for(customer, sha256_hex(data))
    hold(world, customer, wanted)
    for fields in ({"photo_id": str(wanted)}, {"customer_id": str(customer)}):
        with pytest.raises(ErasureHeldError, match=r"it is held: hold 1 by counsel \(case 9\)"):
            erasures.begin(**fields)
    pipeline.execute("UPDATE hold SET lifted_at = now()")
    hold(world, customer, None)
    with pytest.raises(ErasureHeldError, match="hold 2 by counsel"):
        erasures.begin(photo_id=str(wanted))
    pipeline.execute("UPDATE hold SET lifted_at = now()")
    pipeline.execute("UPDATE shard SET state = 'expiring', expiring_at = now()")
    with pytest.raises(ErasureUnfinishedError, match="photo_archive_retention is just removing"):
        erasures.begin(photo_id=str(wanted))
    for fields in ({"photo_id": str(uuid4())}, {"customer_id": str(uuid4())}):
        with pytest.raises(NothingToEraseError, match="can be erased once it is processed"):
            erasures.begin(**fields)
    assert pipeline.rows("SELECT count(*) FROM erasure") == [(0,)]
    assert len(originals(world)) == 2
    pipeline.execute("UPDATE shard SET state = 'live', expiring_at = NULL")
    erasures.begin(photo_id=str(wanted))
    with pytest.raises(InvalidEraseRequestError, match="run has asked for something else before"):
        erasures.begin(customer_id=str(customer))
    pipeline.execute("UPDATE shard SET state = 'expiring', expiring_at = now()")
    with pytest.raises(ErasureUnfinishedError, match="photo_archive_retention is just removing"):
        erasures.rewrite(1)


def test_whoever_has_read_it_already_brings_it_back_to_nobody(world: Reconciled, erasures: Erasures) -> None:
    """A slice and a request that are under way: neither commits it, and nothing is proven before they are over."""
    pipeline, data = world.pipeline, photo(1)
    customer = world.ingest(data, photo(2))
    gone = photo_id_for(customer, sha256_hex(data))
    pipeline.send(customer, data, photo(3))
    (slice_id,) = pipeline.plan()
    again = Reprocessing(pipeline)
    request = again.ask()
    ((shard_id,),) = again.plan(request)
    begun: list[int] = []
    with again.rederive_ports() as ports:
        deriving = replace(ports, ledger=Disturbed(ports.ledger, "ledger", _erasing(erasures, gone, begun)))
        slow = Disturbance("archive.rename", lambda: _derive(request, shard_id, deriving))
        with pipeline.ingest_ports() as mine:
            disturbed = replace(mine, archive=Disturbed(mine.archive, "archive", slow))
            with pytest.raises(PhotoErasedError):
                process_slice(slice_id, "run", disturbed, ingest_limits(pipeline.settings))
    (erasure_id,) = begun
    erasures.rewrite(erasure_id)
    # As if its worker were still at it: it has not given the slice back.
    pipeline.execute("UPDATE slice SET state = 'running' WHERE slice_id = :id", id=slice_id)
    with pytest.raises(ErasureUnfinishedError, match=f"slice {slice_id} was being processed"):
        erasures.prove(erasure_id)
    pipeline.execute("UPDATE slice SET state = 'planned' WHERE slice_id = :id", id=slice_id)
    pipeline.process(slice_id)
    erasures.prove(erasure_id, erasures.blank(erasure_id))
    assert erasures.named_in(gone) == []
    assert len(originals(world)) == 2
    world.sync()
    assert [result.findings for result in world.run().values() if result.findings] == []


def test_a_customer_goes_with_all_of_theirs(world: Reconciled, erasures: Erasures) -> None:
    """The account is closed, their photos and refused records are gone, others' photos are not; what comes is refused."""
    pipeline = world.pipeline
    other = world.ingest(photo(1), photo(2))
    leaver = pipeline.sign_up()
    pipeline.send(leaver, photo(3), b"no photo at all", photo(4))
    pipeline.send(other, photo(5))
    pipeline.ingest()
    pipeline.publish()
    pipeline.send(leaver, photo(6))
    world.sync()
    photos = [photo_id_for(leaver, sha256_hex(photo(seed))) for seed in (3, 4)]
    claims = verified(erasures.erase(customer_id=str(leaver)), erasures.key)
    assert claims["subject"]["kind"] == "customer"
    assert (claims["erased"]["photos"], claims["erased"]["records_blanked"]) == (2, 3)
    assert [erasures.named_in(photo_id) for photo_id in photos] == [[], []]
    assert pipeline.rows("SELECT email, closed_at IS NULL FROM customer WHERE customer_id = :id", id=leaver) == [
        (None, False)
    ]
    assert len(originals(world)) == 3
    pipeline.ingest()
    pipeline.publish()
    assert pipeline.rows(
        "SELECT reason, count(*) FROM ingest_record WHERE outcome = 'rejected' AND customer_id = :id GROUP BY 1",
        id=leaver,
    ) == [("erased", 2)]
    assert [letter.value for letter in pipeline.records(pipeline.settings.topics.rejected)] == [b"no photo at all", b""]
    world.sync()
    assert [result.findings for result in world.run().values() if result.findings] == []


def _erasing(erasures: Erasures, gone: UUID, begun: list[int]) -> Disturbance:
    return Disturbance("ledger.swap", lambda: begun.append(erasures.begin(photo_id=str(gone))))


def _derive(request: Request, shard_id: int, ports: RederivePorts) -> None:
    """Derive again, erase in the middle of it, and be told."""
    with pytest.raises(AttemptSupersededError):
        rederive_shards(request, [shard_id], ports, 10_000_000)
