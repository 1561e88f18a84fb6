"""Erasing on real servers: nothing names the photo any more, and all others are as they were."""

import asyncio
import json
import subprocess
import sys
from base64 import urlsafe_b64decode
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from anyio import to_thread
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc.jwk import OKPKey
from sqlalchemy import Engine
from tests.support.clocks import HOUR, run_at
from tests.support.erasing import Erasures
from tests.support.reconciliation import Reconciled, photo
from tests.support.reprocessing import Reprocessing
from tests.support.retention import Disturbance, Disturbed, Killed, kill
from tests.support.signing import new_key, x_of
from tests.support.web import serving

from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.form_previews import PostgresFormPreviews
from photo_pipeline.adapters.postgres.gallery import PostgresGallery
from photo_pipeline.adapters.postgres.holds import CUSTOMER, OPERATOR, PostgresHoldRegister
from photo_pipeline.adapters.postgres.outcome_feed import PostgresOutcomeFeed
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
from photo_pipeline.domain.gallery import ReceiptState
from photo_pipeline.domain.photo import Receipt, Source, photo_id_for, sha256_hex
from photo_pipeline.domain.reprocess import Request
from photo_pipeline.domain.retention import KEEP, MARGIN
from photo_pipeline.use_cases.ingest import process_slice
from photo_pipeline.use_cases.reprocess import RederivePorts, rederive_shards

KILLS = ("ledger.switch", "archive.delete", "ledger.settle")
"""All others are tried in memory."""


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


def verified(proof: str, key: OKPKey) -> dict[str, Any]:
    """What a proof says, by RFC 7515 and the public key alone: none of the product's code checks it."""
    signed, _, signature = proof.rpartition(".")
    public = Ed25519PublicKey.from_public_bytes(decoded(x_of(key)))
    public.verify(decoded(signature), signed.encode())
    header, claims = (json.loads(decoded(part)) for part in signed.split("."))
    assert (header["alg"], header["typ"], header["kid"]) == ("EdDSA", "photo-erasure+jwt", key.kid)
    return dict(claims)


def decoded(text: str) -> bytes:
    """Unpadded base64url."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True, slots=True)
class Planted:
    """A photo that lies in three shards, and whatever else may name it."""

    customer: UUID
    data: bytes
    photo_id: UUID
    receipt: Receipt


def planted(world: Reconciled) -> Planted:
    """In a shard, in one derived from that, and in one of a duplicate; shared, kept longer, and found wrong once."""
    pipeline, data = world.pipeline, photo(1)
    customer = pipeline.sign_up()
    pipeline.send(customer, photo(2), data, photo(3))
    pipeline.ingest()
    photo_id = photo_id_for(customer, sha256_hex(data))
    again = Reprocessing(pipeline)
    assert again.rederive(again.ask()).moved == 3
    (sent,) = pipeline.send(customer, data)
    pipeline.send(customer, photo(4))
    pipeline.ingest()
    pipeline.publish()
    share = uuid4()
    shares = "INSERT INTO share VALUES (:id, :customer, sha256('x'), now(), now() + interval '1 day')"
    pipeline.execute(shares, id=share, customer=customer)
    pipeline.execute("INSERT INTO share_photo VALUES (:id, :photo, 1)", id=share, photo=photo_id)
    hold(world, customer, photo_id, CUSTOMER)
    pipeline.execute(
        "INSERT INTO reconciliation (run_id, check_name, status, subject) VALUES ('r', 'photos', 'finding', :subject)",
        subject=f"photo {photo_id}",
    )
    world.sync()
    return Planted(customer, data, photo_id, Receipt(photo_id, sha256_hex(data), sent.coordinates, sent.timestamp))


def assert_clean(world: Reconciled) -> None:
    """The search index has followed, and the reconciliation neither finds nor repairs anything."""
    world.sync()
    assert [result.findings for result in world.run().values() if result.findings] == []


def test_a_photo_is_named_nowhere_and_all_others_are_as_they_were(
    world: Reconciled, erasures: Erasures, api: Engine
) -> None:
    """Killed at each step, it comes to its end: nothing names the photo, no other has changed, the proof verifies.

    Sent again or fed again it is refused, and no copy is made. Retention takes the rest when it would have.
    """
    photo_in = planted(world)
    gone, digest = photo_in.photo_id, sha256_hex(photo_in.data)
    before = originals(world)
    assert len(before) == 4
    assert {"photo", "rendition", "hold", "share_photo", "reconciliation"} <= set(erasures.named_in(gone, digest))
    others = {name: digest for name, digest in before.items() if name != str(gone)}
    erasure_id = erasures.begin(photo_id=str(gone))
    for step in KILLS:
        disturbance = Disturbance(step, kill)
        with pytest.raises(Killed):
            erasures.rewrite(erasure_id, partial(Disturbed, disturbance=disturbance))
        assert originals(world) == others
    erasures.rewrite(erasure_id)
    assert erasures.begin(photo_id=str(gone)) == erasure_id
    documents = erasures.blank(erasure_id)
    proof = erasures.prove(erasure_id, documents)
    assert erasures.prove(erasure_id, documents) == proof
    assert documents == 2
    assert erasures.named_in(gone, digest) == []
    assert originals(world) == others
    assert_proof(world, verified(proof, erasures.key), gone)
    assert_checked_from_outside(erasures, proof, gone)
    told = PostgresOutcomeFeed(api).recent(photo_in.customer, datetime.now(UTC) - HOUR, 100)
    assert [each.photo_id is None for each in told] == [False] * 3
    (status,) = PostgresGallery(api).receipts([photo_in.receipt])
    assert (status.state, status.reason) == (ReceiptState.REJECTED, "erased")
    assert_not_taken_again(world, photo_in)
    assert erasures.named_in(gone, digest) == []
    assert_clean(world)
    with pytest.raises(NothingToEraseError, match="has been erased before"):
        erasures.begin("another", photo_id=str(gone))
    with retention_ports(world.pipeline.settings.database, world.pipeline.settings.hdfs) as ports:
        for later in (KEEP - HOUR, KEEP):
            run_at(ports, later)
        summary = run_at(ports, KEEP + MARGIN + timedelta(minutes=1))
    assert (summary.removed, summary.foreign) == (4, 0)
    assert world.pipeline.files("") == []


def assert_proof(world: Reconciled, claims: dict[str, Any], gone: UUID) -> None:
    """It says what was erased to whoever has the photo's id, and to nobody else which photo that was."""
    assert claims["subject"]["sha256"] == sha256(f"salt{gone}".encode()).hexdigest()
    assert (claims["erased"]["shards_rewritten"], claims["erased"]["records_blanked"]) == (3, 2)
    topics = world.pipeline.settings.topics
    had = {had["topic"]: had["records"] for had in claims["kafka"]["had"]}
    assert had == {topics.uploaded: 2, topics.processed: 1}
    assert str(gone) not in json.dumps(claims)


def assert_checked_from_outside(erasures: Erasures, proof: str, gone: UUID) -> None:
    """As the manual says, by the address alone: also once another key signs. Not of another photo, nor changed."""
    folder = erasures.key_file.parent
    keys = folder / "erasure_keys.json"
    keys.write_text(json.dumps({"keys": [key.as_dict(private=False) for key in (new_key(), erasures.key)]}))
    script = Path(__file__).parents[2] / "examples" / "verify_erasure.py"
    signed, _, signature = proof.rpartition(".")
    asked = ([proof, str(gone).upper()], [proof, str(UUID(int=1))], [f"{signed}.{signature[1:-1]}{signature[0]}A"])

    async def run() -> list[tuple[int, str]]:
        async with serving(folder, erasure_keys_file=keys) as (_, url):
            command = [sys.executable, str(script), url]
            ran = [
                await to_thread.run_sync(partial(subprocess.run, [*command, *each], capture_output=True, text=True))
                for each in asked
            ]
        return [(each.returncode, each.stdout or each.stderr) for each in ran]

    ours, anothers, changed = asyncio.run(run())
    assert (ours[0], json.loads(ours[1])) == (0, verified(proof, erasures.key))
    assert anothers == (1, f"not proven: the proof holds, but is not about {UUID(int=1)}\n")
    assert changed == (1, "not proven: the signature does not hold\n")


def assert_not_taken_again(world: Reconciled, photo_in: Planted) -> None:
    """From another topic, with others beside it: it alone is refused, its dead letter is a reason, and not fed."""
    pipeline = world.pipeline
    pipeline.send(photo_in.customer, photo_in.data, photo(5), source=Source.STREAM)
    pipeline.ingest()
    pipeline.publish()
    streamed = pipeline.settings.topics.streamed
    said = "SELECT outcome, reason, filename FROM ingest_record WHERE topic = :topic ORDER BY 1"
    assert pipeline.rows(said, topic=streamed) == [("processed", None, "Größe.jpg"), ("rejected", "erased", None)]
    (letter,) = pipeline.records(pipeline.settings.topics.rejected)
    assert (letter.key, letter.value) == (None, b"")
    again = Reprocessing(pipeline)
    asked = again.ask_for_dead_letters("letters")
    engine = make_engine(pipeline.database.bi, "tests")
    assert PostgresFormPreviews(engine, pipeline.settings.topics.incoming).feedable(asked).records == 0
    engine.dispose()
    assert again.feed(asked).fed == 0


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
    erasure_id = erasures.begin(photo_id=str(wanted))
    with pytest.raises(InvalidEraseRequestError, match="run has asked for something else before"):
        erasures.begin(customer_id=str(customer))
    pipeline.execute("UPDATE shard SET state = 'expiring', expiring_at = now()")
    with pytest.raises(ErasureUnfinishedError, match="photo_archive_retention is just removing"):
        erasures.rewrite(erasure_id)


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


def test_a_customer_goes_with_all_of_theirs(world: Reconciled, erasures: Erasures) -> None:
    """The account is closed; their photos and refused records are gone, others' are not; what comes is refused."""
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
    assert (claims["erased"]["photos"], claims["erased"]["records_blanked"]) == (3, 3)
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
    assert_clean(world)


@pytest.mark.parametrize("left_at", ["begin", "ledger.settle"])
def test_what_an_erasure_left_half_way_is_done_by_the_next_one(
    world: Reconciled, erasures: Erasures, left_at: str
) -> None:
    """Of a photo, then of its customer: a proof was signed while shards still had what rows had forgotten."""
    pipeline, first = world.pipeline, photo(1)
    other = world.ingest(photo(3))
    leaver = pipeline.sign_up()
    pipeline.send(leaver, first, photo(2))
    pipeline.send(other, photo(4))
    pipeline.ingest()
    gone = [photo_id_for(leaver, sha256_hex(data)) for data in (first, photo(2))]
    erasures.begin("photo", photo_id=str(gone[0]))
    with pytest.raises(NothingToEraseError, match="run photo has begun to erase it and is not done: clear"):
        erasures.begin("photo again", photo_id=str(gone[0]))
    stopped = erasures.begin("stopped", customer_id=str(leaver))
    if left_at != "begin":
        with pytest.raises(Killed):
            erasures.rewrite(stopped, lambda port, name: Disturbed(port, name, Disturbance(left_at, kill)))
    claims = verified(erasures.erase("whole", customer_id=str(leaver)), erasures.key)
    assert claims["subject"]["sha256"] == sha256(f"salt{leaver}".encode()).hexdigest()
    assert [erasures.named_in(photo_id) for photo_id in gone] == [[], []]
    assert len(originals(world)) == 2
    erasures.rewrite(stopped)
    erasures.prove(stopped, erasures.blank(stopped))
    assert len(originals(world)) == 2


def _erasing(erasures: Erasures, gone: UUID, begun: list[int]) -> Disturbance:
    return Disturbance("ledger.swap", lambda: begun.append(erasures.begin(photo_id=str(gone))))


def _derive(request: Request, shard_id: int, ports: RederivePorts) -> None:
    """Derive again, erase in the middle of it, and be told."""
    with pytest.raises(AttemptSupersededError):
        rederive_shards(request, [shard_id], ports, 10_000_000)
