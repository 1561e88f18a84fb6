"""What is kept of erasures, and of accounts being closed or renamed, as SQLAlchemy models like those of ``models``."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey, Identity
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from photo_pipeline.adapters.postgres.models import Base


class Erasure(Base):
    """A photo, or a customer and all of theirs, that an operator had erased."""

    __tablename__ = "erasure"

    erasure_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    subject: Mapped[str]
    salt: Mapped[str]
    digest: Mapped[str]
    reason: Mapped[str]
    asked_by: Mapped[str]
    erased_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    photos: Mapped[int] = mapped_column(server_default=FetchedValue())
    records: Mapped[int] = mapped_column(server_default=FetchedValue())
    kafka: Mapped[list[dict[str, Any]]] = mapped_column(JSONB(), server_default=FetchedValue())
    under_way: Mapped[dict[str, Any] | None]
    forgotten: Mapped[bool] = mapped_column(server_default=FetchedValue())
    came_to_at: Mapped[datetime | None]
    came_to_log: Mapped[int] = mapped_column(server_default=FetchedValue())
    came_to_offset: Mapped[int] = mapped_column(server_default=FetchedValue())
    proven_at: Mapped[datetime | None]
    proof: Mapped[str | None]


class ErasureShard(Base):
    """A shard that has what is to be erased, and how far that has come."""

    __tablename__ = "erasure_shard"

    erasure_id: Mapped[int] = mapped_column(ForeignKey("erasure.erasure_id"), primary_key=True)
    shard_id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=FetchedValue())


class ErasureRecord(Base):
    """A record whose document is still to follow."""

    __tablename__ = "erasure_record"

    erasure_id: Mapped[int] = mapped_column(ForeignKey("erasure.erasure_id"), primary_key=True)
    log_id: Mapped[int] = mapped_column(primary_key=True)
    offset: Mapped[int] = mapped_column(primary_key=True)
    processed_at: Mapped[datetime] = mapped_column(primary_key=True)
    expires: Mapped[bool]


class ErasedMark(Base):
    """A photo or a customer that was erased, by a keyed hash: no role of the product may read these."""

    __tablename__ = "erased_mark"

    mark: Mapped[bytes] = mapped_column(primary_key=True)
    erasure_id: Mapped[int] = mapped_column(ForeignKey("erasure.erasure_id"))


class ErasureKey(Base):
    """The key of these hashes. One row, which nobody reads but the functions of the tables' owner."""

    __tablename__ = "erasure_key"

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=FetchedValue())
    secret: Mapped[bytes]


class Renaming(Base):
    """A customer with another name, which not all of their outcomes have been told: up to which record they have."""

    __tablename__ = "renaming"

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    came_to_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    came_to_log: Mapped[int] = mapped_column(server_default=FetchedValue())
    came_to_offset: Mapped[int] = mapped_column(server_default=FetchedValue())


class Closing(Base):
    """A closed account of which not everything is blanked yet: up to which record it is."""

    __tablename__ = "closing"

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    came_to_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    came_to_log: Mapped[int] = mapped_column(server_default=FetchedValue())
    came_to_offset: Mapped[int] = mapped_column(server_default=FetchedValue())
