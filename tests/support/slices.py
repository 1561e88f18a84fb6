"""Makes what the ledger's tests need: customers, photos and commits that look as a worker's would."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import Engine, text

from photo_pipeline.domain.imaging import ImageMetadata, SniffedFormat
from photo_pipeline.domain.ledger import (
    ArchivedPhoto,
    ArchivedRendition,
    Lease,
    RecordResult,
    ShardFile,
    SliceCommit,
    Watermarks,
)
from photo_pipeline.domain.outcomes import Outcome, RejectReason
from photo_pipeline.domain.photo import RenditionKind, Source, TopicPartition, photo_id_for, sha256_hex

KINDS = (RenditionKind.ORIGINAL, RenditionKind.WEB, RenditionKind.THUMB)
"""What every photo has; a small one has no other."""
UPLOADED = TopicPartition("photos.uploaded", 0)
STREAMED = TopicPartition("photos.streamed", 0)
ACCEPTED_AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def add_customer(owner: Engine) -> UUID:
    """Sign a customer up."""
    customer_id = uuid4()
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO customer VALUES (:id, :email, 'A. Customer', 'x', now())"),
            {"id": customer_id, "email": f"{customer_id}@example.org"},
        )
    return customer_id


def archived_photo(customer_id: UUID, content: bytes, source: Source = Source.UPLOAD) -> ArchivedPhoto:
    """A photo as it stands in a shard."""
    sha256 = sha256_hex(content)
    return ArchivedPhoto(
        photo_id=photo_id_for(customer_id, sha256),
        customer_id=customer_id,
        sha256=sha256,
        source=source,
        filename="a.jpg",
        content_type="image/jpeg",
        bytes=len(content),
        accepted_at=ACCEPTED_AT,
        metadata=ImageMetadata(
            format=SniffedFormat.JPEG,
            width=40,
            height=30,
            camera="Acme One",
            taken_at="2026-05-01T10:11:12",
            taken_at_offset=None,
            blurhash="LEHV6nWB2yk8pyo0adR*.7kCMdnj",
            dominant_color="#102030",
            warnings=(),
        ),
        renditions=tuple(
            ArchivedRendition(kind, 512 * (1 + position), 100, 7, "image/jpeg", 40, 30)
            for position, kind in enumerate(KINDS)
        ),
    )


def accepted(offset: int, photo: ArchivedPhoto, outcome: Outcome = Outcome.PROCESSED) -> RecordResult:
    """The record that brought a photo."""
    return RecordResult(
        offset=offset,
        outcome=outcome,
        accepted_at=photo.accepted_at,
        photo_id=photo.photo_id,
        customer_id=photo.customer_id,
        source=photo.source,
        event_id=f"event-{offset}",
        filename=photo.filename,
        bytes=photo.bytes,
    )


def rejected(offset: int) -> RecordResult:
    """A record that was no photo."""
    return RecordResult(
        offset=offset,
        outcome=Outcome.REJECTED,
        accepted_at=ACCEPTED_AT,
        bytes=3,
        reason=RejectReason.NOT_A_CLOUDEVENT,
        detail="no headers",
    )


def commit_of(lease: Lease, photos: Sequence[ArchivedPhoto], records: Sequence[RecordResult]) -> SliceCommit:
    """Everything that a worker hands to the ledger at its end."""
    planned = lease.slice
    path = f"/photos/archive/dt={planned.dt}/{planned.log}-{planned.start}-{lease.attempt}.tar"
    end = planned.start + len(records)
    shard = ShardFile(path, 10_000) if photos else None
    return SliceCommit(lease, end, shard, tuple(photos), tuple(records))


def backlog(high: int, low: int = 0, topic_partition: TopicPartition = UPLOADED) -> dict[TopicPartition, Watermarks]:
    """What Kafka would say of one partition."""
    return {topic_partition: Watermarks(low, high)}
