"""The tables as SQLAlchemy models. The migrations make them; an integration test holds the two against each other."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, FetchedValue, ForeignKey, Identity, Text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import UserDefinedType


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id, as its decimal text."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in DDL and casts."""
        return "xid8"


class Base(DeclarativeBase):
    """The models' base: what a Python type is in the database."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        int: BigInteger(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
    }


class Customer(Base):
    """A person who signed up."""

    __tablename__ = "customer"

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(unique=True)
    display_name: Mapped[str | None]
    password_hash: Mapped[str | None]
    password_version: Mapped[int] = mapped_column(server_default=FetchedValue())
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    closed_at: Mapped[datetime | None]


class Device(Base):
    """A camera or program that streams photos for a customer, until it is revoked."""

    __tablename__ = "device"

    device_id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.customer_id"))
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    revoked_at: Mapped[datetime | None]
    public_key: Mapped[str | None]
    seen_at: Mapped[datetime | None]


class PartitionProgress(Base):
    """A log, and how far it has been committed: everything below ``next_offset`` has its outcome.

    A topic that was made anew is another log of the same name: the next incarnation.
    """

    __tablename__ = "partition_progress"

    topic: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    incarnation: Mapped[int] = mapped_column(primary_key=True, server_default=FetchedValue())
    log_id: Mapped[int] = mapped_column(Identity(always=True), unique=True)
    first_offset: Mapped[int]
    next_offset: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    topic_id: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default=FetchedValue())
    kafka_end: Mapped[int | None]
    leader_epoch: Mapped[int | None]
    began_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    troubled_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]
    settled_reason: Mapped[str | None]


class Slice(Base):
    """The ledger: one offset range of a log, its attempt and the worker that has it."""

    __tablename__ = "slice"

    slice_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    topic: Mapped[str]
    partition: Mapped[int]
    incarnation: Mapped[int] = mapped_column(server_default=FetchedValue())
    start: Mapped[int]
    end: Mapped[int]
    dt: Mapped[date]
    state: Mapped[str] = mapped_column(server_default=FetchedValue())
    attempt: Mapped[int] = mapped_column(server_default=FetchedValue())
    lease_owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    planned_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    committed_at: Mapped[datetime | None]
    counted_at: Mapped[datetime | None]
    worked_by: Mapped[str | None]


class Shard(Base):
    """A tar file on HDFS, and its end."""

    __tablename__ = "shard"

    shard_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    path: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(server_default=FetchedValue())
    slice_id: Mapped[int | None] = mapped_column(ForeignKey("slice.slice_id"), unique=True)
    dt: Mapped[date]
    length: Mapped[int]
    photos: Mapped[int]
    committed_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    state: Mapped[str] = mapped_column(server_default=FetchedValue())
    expiring_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    marked_at: Mapped[datetime | None]
    kept_until: Mapped[datetime | None]
    rewrites: Mapped[int] = mapped_column(server_default=FetchedValue())
    rewritten_at: Mapped[datetime | None]


class Photo(Base):
    """One customer's image. It lives exactly as long as the shard that ``shard_id`` names."""

    __tablename__ = "photo"

    photo_id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.customer_id"))
    sha256: Mapped[str]
    source: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=FetchedValue())
    filename: Mapped[str | None]
    content_type: Mapped[str]
    format: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    bytes: Mapped[int]
    camera: Mapped[str | None]
    taken_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=False))
    taken_at_offset: Mapped[str | None]
    blurhash: Mapped[str | None]
    dominant_color: Mapped[str | None]
    uploaded_at: Mapped[datetime]
    accepted_at: Mapped[datetime]
    processed_at: Mapped[datetime]
    expired_at: Mapped[datetime | None]
    shard_id: Mapped[int | None] = mapped_column(ForeignKey("shard.shard_id"))
    version: Mapped[int] = mapped_column(server_default=FetchedValue())
    updated_xid: Mapped[str] = mapped_column(Xid8(), server_default=FetchedValue())
    binned_at: Mapped[datetime | None]
    device_id: Mapped[UUID | None]


class Rendition(Base):
    """Where one form of a photo lies: a range of a shard."""

    __tablename__ = "rendition"

    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photo.photo_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    shard_id: Mapped[int] = mapped_column(ForeignKey("shard.shard_id"))
    offset: Mapped[int]
    length: Mapped[int]
    crc32: Mapped[int]
    content_type: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]


class LedgerRecord(Base):
    """One row per Kafka record: its outcome, as it was committed.

    It is found by its log and offset, once; the database does not say so, as a slice is committed only once.
    """

    __tablename__ = "ledger_record"

    log_id: Mapped[int] = mapped_column(primary_key=True)
    offset: Mapped[int] = mapped_column(primary_key=True)
    processed_at: Mapped[datetime] = mapped_column(primary_key=True)
    slice_id: Mapped[int]
    accepted_at: Mapped[datetime | None]
    photo_id: Mapped[UUID | None]
    customer_id: Mapped[UUID | None]
    bytes: Mapped[int | None]
    outcome: Mapped[str]
    source: Mapped[str | None]
    reason: Mapped[str | None]
    event_id: Mapped[str | None]
    filename: Mapped[str | None]
    detail: Mapped[str | None]
    device_id: Mapped[UUID | None]
    first_of_customer: Mapped[bool | None]


class LedgerState(Base):
    """What changes of a record after its commit, and which transaction has changed it last."""

    __tablename__ = "ledger_state"

    log_id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default=FetchedValue())
    offset: Mapped[int] = mapped_column(primary_key=True)
    processed_at: Mapped[datetime] = mapped_column(primary_key=True)
    updated_xid: Mapped[str] = mapped_column(Xid8(), server_default=FetchedValue())
    expired_at: Mapped[datetime | None]
    filename: Mapped[str | None]


class Outbox(Base):
    """What is still to be said on Kafka about a committed record."""

    __tablename__ = "outbox"

    outbox_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    topic: Mapped[str]
    partition: Mapped[int]
    offset: Mapped[int]
    incarnation: Mapped[int] = mapped_column(server_default=FetchedValue())
    processed_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    published_at: Mapped[datetime | None]


class Hold(Base):
    """A mark that keeps a photo, or all of a customer's photos, from expiring."""

    __tablename__ = "hold"

    hold_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.customer_id"))
    photo_id: Mapped[UUID | None] = mapped_column(ForeignKey("photo.photo_id"))
    reason: Mapped[str]
    placed_by: Mapped[str]
    placed_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    lifted_at: Mapped[datetime | None]
    origin: Mapped[str] = mapped_column(server_default=FetchedValue())


class HoldReview(Base):
    """A hold that was lifted, or a hold shard of which something was taken: the next retention run looks at it."""

    __tablename__ = "hold_review"

    review_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    hold_id: Mapped[int | None]
    shard_id: Mapped[int | None]


class Share(Base):
    """A link to some of a customer's photos."""

    __tablename__ = "share"

    share_id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.customer_id"))
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    expires_at: Mapped[datetime]
    views: Mapped[int] = mapped_column(server_default=FetchedValue())
    last_viewed_at: Mapped[datetime | None]


class SharedPhoto(Base):
    """A photo that a link leads to, and where it stands among the others."""

    __tablename__ = "share_photo"

    share_id: Mapped[UUID] = mapped_column(ForeignKey("share.share_id", ondelete="CASCADE"), primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int]


class BiSyncState(Base):
    """How far the search index follows: every transaction below the watermark is in it."""

    __tablename__ = "bi_sync_state"

    name: Mapped[str] = mapped_column(primary_key=True)
    watermark: Mapped[str] = mapped_column(Xid8())
    synced_at: Mapped[datetime | None]
    documents: Mapped[int] = mapped_column(server_default=FetchedValue())


class BiRebuild(Base):
    """How far a generation of the search index is that analysts do not see yet."""

    __tablename__ = "bi_rebuild"

    name: Mapped[str] = mapped_column(primary_key=True)
    watermark: Mapped[str] = mapped_column(Xid8())
    synced_at: Mapped[datetime | None]
    documents: Mapped[int] = mapped_column(server_default=FetchedValue())


class BiRefused(Base):
    """A document that the search index did not take."""

    __tablename__ = "bi_refused"

    month: Mapped[str] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    refused_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())


class Reconciliation(Base):
    """One result of one check of the hourly reconciliation."""

    __tablename__ = "reconciliation"

    reconciliation_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    run_id: Mapped[str]
    checked_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    check_name: Mapped[str]
    status: Mapped[str]
    subject: Mapped[str | None]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=FetchedValue())


class Notice(Base):
    """Something that is wrong, from the time it is first seen until people were told that it is over."""

    __tablename__ = "notice"

    notice_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]
    summary: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    seen_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    told_at: Mapped[datetime | None]
    over_at: Mapped[datetime | None]
    over_told_at: Mapped[datetime | None]


class VolumeReading(Base):
    """How full a disk was. The table has no key: readings are added, and go by their time."""

    __tablename__ = "volume_reading"

    volume: Mapped[str] = mapped_column(primary_key=True)
    total: Mapped[int]
    free: Mapped[int]
    taken_at: Mapped[datetime] = mapped_column(primary_key=True, server_default=FetchedValue())


class ReprocessRequest(Base):
    """Something that an operator asked to be done again."""

    __tablename__ = "reprocess_request"

    request_id: Mapped[str] = mapped_column(primary_key=True)
    mode: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    requested_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())


class ReprocessAttempt(Base):
    """One attempt at deriving the photos of a shard again; it is here before its file is anywhere."""

    __tablename__ = "reprocess_attempt"

    attempt_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("reprocess_request.request_id"))
    source_shard_id: Mapped[int] = mapped_column(ForeignKey("shard.shard_id"))
    state: Mapped[str] = mapped_column(server_default=FetchedValue())
    shard_id: Mapped[int | None] = mapped_column(ForeignKey("shard.shard_id"), unique=True)
    started_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    ended_at: Mapped[datetime | None]


class RefedRecord(Base):
    """A rejected record that is being, or has been, sent to its topic again."""

    __tablename__ = "refed_record"

    topic: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    offset: Mapped[int] = mapped_column(primary_key=True)
    incarnation: Mapped[int] = mapped_column(primary_key=True, server_default=FetchedValue())
    request_id: Mapped[str] = mapped_column(ForeignKey("reprocess_request.request_id"))
    sought_from: Mapped[dict[str, Any]]
    sent_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    fed_at: Mapped[datetime | None]
    fed_partition: Mapped[int | None]
    fed_offset: Mapped[int | None]
