"""Signed records on real Kafka and PostgreSQL, under the pipeline's own role."""

import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from joserfc.jwk import OKPKey
from pydantic import ValidationError
from tests.support.images import encoded, scene
from tests.support.pipeline import Pipeline
from tests.support.reprocessing import Reprocessing
from tests.support.signing import new_key, proof, x_of

from photo_pipeline.domain.errors import RecordKeysError
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import photo_id_for, sha256_hex
from photo_pipeline.settings import RecordSettings


def strict(pipeline: Pipeline, keys: Path) -> Pipeline:
    """The same pipeline, where unsigned records are refused."""
    records = RecordSettings(keys_file=keys, take_unsigned=False)
    return replace(pipeline, settings=replace(pipeline.settings, records=records))


def write_keys(path: Path, *keys: OKPKey) -> Path:
    """The public keys of a platform, as an operator gives them."""
    path.write_text(json.dumps({"keys": [key.as_dict(private=False) for key in keys]}))
    return path


def add_device(pipeline: Pipeline, customer: UUID, key: OKPKey) -> str:
    """A device with a key of its own."""
    device = uuid4()
    pipeline.execute(
        "INSERT INTO device (device_id, customer_id, name, public_key) VALUES (:device, :customer, 'door', :x)",
        device=device,
        customer=customer,
        x=x_of(key),
    )
    return str(device)


def signed(pipeline: Pipeline, customer: UUID, seed: int, key: OKPKey, kid: str) -> OutboundRecord:
    """A streamed photo as a producer of one's own writes it."""
    data, topic = encoded(scene(64, 48, seed), SniffedFormat.JPEG), pipeline.settings.topics.streamed
    sha256 = sha256_hex(data)
    said = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_type": "photo.streamed.v1",
        "ce_source": "/door",
        "ce_subject": str(customer),
        "ce_sha256": sha256,
    }
    headers = [(name, value.encode()) for name, value in said.items()]
    token = proof(key, kid, headers, topic)
    return OutboundRecord(topic, str(photo_id_for(customer, sha256)).encode(), data, [*headers, ("ce_proof", token)])


def outcomes(pipeline: Pipeline) -> list[tuple[object, ...]]:
    """What each record came to, and whose it is."""
    return pipeline.rows('SELECT outcome, reason, customer_id FROM ingest_record ORDER BY topic, "offset"')


def test_only_what_is_signed_for_its_customer_is_taken(pipeline: Pipeline, tmp_path: Path) -> None:
    """A device fills its own customer's gallery; its signature, moved, and none at all fill nobody's."""
    ada, grace, key = pipeline.sign_up(), pipeline.sign_up(), new_key()
    device = add_device(pipeline, ada, key)
    good = signed(pipeline, ada, 1, key, device)
    moved = signed(pipeline, grace, 2, key, device)
    unsigned = signed(pipeline, grace, 3, key, device)
    broken = replace(moved, value=b"another photo")
    pipeline.produce(good, moved, replace(unsigned, headers=unsigned.headers[:-1]), broken)
    pipeline.send(grace, encoded(scene(64, 48, 4), SniffedFormat.JPEG))
    strict(pipeline, write_keys(tmp_path / "keys.json", new_key())).ingest()
    assert outcomes(pipeline) == [
        ("processed", None, ada),
        ("rejected", "invalid_signature", None),
        ("rejected", "unsigned", None),
        ("rejected", "sha256_mismatch", None),
        ("rejected", "unsigned", None),
    ]


def test_a_revoked_device(pipeline: Pipeline, tmp_path: Path) -> None:
    """What came before it was revoked is taken, however late it is read; what came after is refused."""
    ada, key = pipeline.sign_up(), new_key()
    device = add_device(pipeline, ada, key)
    pipeline.produce(signed(pipeline, ada, 1, key, device))
    pipeline.execute("UPDATE device SET revoked_at = clock_timestamp()")
    pipeline.produce(signed(pipeline, ada, 2, key, device))
    strict(pipeline, write_keys(tmp_path / "keys.json", new_key())).ingest()
    assert [row[:2] for row in outcomes(pipeline)] == [("processed", None), ("rejected", "device_revoked")]


def test_a_signed_record_is_good_as_a_dead_letter(pipeline: Pipeline, tmp_path: Path) -> None:
    """Refused because a key was missing, it is fed again with its signature, and taken."""
    ada, platform = pipeline.sign_up(), new_key()
    keys = write_keys(tmp_path / "keys.json", new_key())
    pipeline.produce(signed(pipeline, ada, 1, platform, str(platform.kid)))
    strict(pipeline, keys).ingest()
    write_keys(keys, new_key(), platform)
    again = Reprocessing(pipeline)
    assert again.feed(again.ask_for_dead_letters(reason="invalid_signature")).fed == 1
    strict(pipeline, keys).ingest()
    assert [row[:2] for row in outcomes(pipeline)] == [("rejected", "invalid_signature"), ("processed", None)]


def test_keys_that_cannot_be_read_judge_nothing(pipeline: Pipeline, tmp_path: Path) -> None:
    """A missing file is the operator's to mend: no record is refused for it, and the error names the file."""
    ada, platform = pipeline.sign_up(), new_key()
    pipeline.produce(signed(pipeline, ada, 1, platform, str(platform.kid)))
    with pytest.raises(RecordKeysError, match=r"nowhere\.json"):
        strict(pipeline, tmp_path / "nowhere.json").ingest()
    assert outcomes(pipeline) == []
    strict(pipeline, write_keys(tmp_path / "keys.json", platform)).ingest()
    assert outcomes(pipeline) == [("processed", None, ada)]


def test_nothing_can_be_asked_for_that_cannot_be_checked() -> None:
    """Without keys every record would be refused; the error names what is missing."""
    with pytest.raises(ValidationError, match="PHOTO_RECORDS_KEYS_FILE"):
        RecordSettings(take_unsigned=False)
