"""What an operator may ask to be erased, checked; the values of doing it; and what the proof of it says."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from photo_pipeline.domain.errors import InvalidEraseRequestError
from photo_pipeline.domain.events import format_time
from photo_pipeline.domain.form_fields import id_of, text_of
from photo_pipeline.domain.photo import LATER

ERASURE_TYPE = "photo-erasure+jwt"
"""``typ`` of a proof."""
ISSUER = "photo-pipeline"
_WRITTEN_BEFORE = re.compile(rf"^erased{LATER}\d+{LATER}\d+{LATER}")


class Subject(StrEnum):
    """What is erased."""

    PHOTO = "photo"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class EraseRequest:
    """A checked request.

    Attributes:
        name: whoever asks again under this name goes on with the same erasure.
        subject: what is erased.
        subject_id: its id: of the photo, or of the customer with all of theirs.
        reason: why.
        by: who answers for it.
    """

    name: str
    subject: Subject
    subject_id: UUID
    reason: str
    by: str


class ShardProgress(StrEnum):
    """How far a shard of an erasure has come. The values are stored: do not rename them."""

    PLANNED = "planned"
    SWITCHED = "switched"
    """The ledger does not look into the old file any more."""
    REWRITTEN = "rewritten"
    REMOVED = "removed"
    UNTOUCHED = "untouched"
    """It turned out to have none of it, or its time was over before."""


def done_of(*, is_there: bool, was_switched: bool) -> ShardProgress:
    """How a shard has ended that is still there, or not; and whose old file was replaced, or left."""
    if not was_switched:
        return ShardProgress.UNTOUCHED
    return ShardProgress.REWRITTEN if is_there else ShardProgress.REMOVED


@dataclass(frozen=True, slots=True)
class ErasureShard:
    """A shard of an erasure: its old file, and how far it has come."""

    shard_id: int
    path: str
    progress: ShardProgress


@dataclass(frozen=True, slots=True)
class Rewriting:
    """The right to replace a shard's file, until another attempt takes it over."""

    shard_id: int
    number: int
    path: str


@dataclass(frozen=True, slots=True)
class KafkaHad:
    """What Kafka had of it: so many records of a topic, or events of a kind, the youngest of that time."""

    topic: str
    records: int
    latest: datetime


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure as it is kept.

    Attributes:
        erasure_id: its number.
        subject: what was erased.
        name: of the run that asked.
        salt: goes with the id into the digest.
        digest: whoever knows the id can tell by it whom the erasure was about.
        reason: why.
        by: who asked.
        erased_at: from then on no row names it.
        photos: how many.
        records: how many of Kafka's records brought them.
        rewritten: shards that were written anew.
        removed: shards that had nothing else.
        kafka: what Kafka had of it then.
        proof: the signed statement; ``None`` until all is done.
    """

    erasure_id: int
    name: str
    subject: Subject
    salt: str
    digest: str
    reason: str
    by: str
    erased_at: datetime
    photos: int
    records: int
    rewritten: int
    removed: int
    kafka: Sequence[KafkaHad]
    proof: str | None


def parse_erase_request(name: str, parameters: Mapping[str, object]) -> EraseRequest:
    """Check what an operator filled in.

    Raises:
        InvalidEraseRequestError: with one line that names the field and what it should be.
    """
    photo, customer = (id_of(parameters, field, InvalidEraseRequestError) for field in ("photo_id", "customer_id"))
    subject_id = photo or customer
    if subject_id is None or (photo is not None and customer is not None):
        raise InvalidEraseRequestError("fill in photo_id for one photo, or customer_id for a customer, and not both")
    reason, by = text_of(parameters, "reason"), text_of(parameters, "by")
    if not reason:
        raise InvalidEraseRequestError("reason must say why it is erased")
    if not by:
        raise InvalidEraseRequestError("by must say who asks")
    subject = Subject.CUSTOMER if photo is None else Subject.PHOTO
    return EraseRequest(name, subject, subject_id, reason, by)


def digest_of(salt: str, subject_id: UUID) -> str:
    """SHA-256 of salt and id, as text, in hexadecimal: says of an id whether it is the one, and nothing else."""
    return sha256(f"{salt}{subject_id}".encode()).hexdigest()


def rewritten_name(rewriting: Rewriting) -> str:
    """The new file's name: the shard and the attempt, and the name that the file had first. No topic is called so."""
    name = _WRITTEN_BEFORE.sub("", rewriting.path.rpartition("/")[2])
    return LATER.join(("erased", str(rewriting.shard_id), str(rewriting.number), name))


def rewrite_staging_path(root: str, rewriting: Rewriting) -> str:
    """Where an attempt writes before anyone may see it."""
    return f"{root}/_staging/{rewritten_name(rewriting)}"


def rewrite_path(rewriting: Rewriting) -> str:
    """The final name, in the old file's folder."""
    return f"{rewriting.path.rpartition('/')[0]}/{rewritten_name(rewriting)}"


def claims_of(erasure: Erasure, documents: int, files: int, kafka_keeps: timedelta, now: datetime) -> dict[str, Any]:
    """What a proof says: what was erased where, and what Kafka still holds until when.

    Args:
        erasure: all shards of which are done.
        documents: of the search index, which name it no more.
        files: that no shard names, looked into at the end.
        kafka_keeps: how long a record stays in Kafka at most.
        now: the time of the signature.
    """
    return {
        "iss": ISSUER,
        "iat": int(now.timestamp()),
        "subject": {"kind": erasure.subject.value, "salt": erasure.salt, "sha256": erasure.digest},
        "reason": erasure.reason,
        "asked_by": erasure.by,
        "erased_at": format_time(erasure.erased_at),
        "erased": {
            "photos": erasure.photos,
            "records_blanked": erasure.records,
            "shards_rewritten": erasure.rewritten,
            "shards_removed": erasure.removed,
            "documents_blanked": documents,
            "unnamed_files_checked": files,
        },
        "kafka": {
            "gone_by": format_time(erasure.erased_at + kafka_keeps),
            "had": [
                {"topic": had.topic, "records": had.records, "gone_by": format_time(had.latest + kafka_keeps)}
                for had in erasure.kafka
                if had.latest + kafka_keeps > now
            ],
        },
    }
