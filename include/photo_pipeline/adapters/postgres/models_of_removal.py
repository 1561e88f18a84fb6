"""What the retention writes down, as SQLAlchemy models like those of ``models``."""

from datetime import datetime
from typing import Any

from sqlalchemy import FetchedValue, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from photo_pipeline.adapters.postgres.models import Base


class RetentionRun(Base):
    """A run that removes for good: what its clocks showed, and what came of it."""

    __tablename__ = "retention_run"

    run_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    begun_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    clocks: Mapped[dict[str, Any]]
    looked_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(server_default=FetchedValue())
    stopped: Mapped[str | None]
    removed_until: Mapped[datetime | None]
    summary: Mapped[dict[str, Any] | None]
    ended_at: Mapped[datetime | None]


class Removal(Base):
    """Something that was removed for good, or a file that is to be."""

    __tablename__ = "removal"

    removal_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("retention_run.run_id"))
    what: Mapped[str]
    subject: Mapped[str]
    amount: Mapped[int]
    bytes: Mapped[int]
    why: Mapped[str]
    noted_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class RemovalPermit(Base):
    """How much an operator permits one run to remove."""

    __tablename__ = "removal_permit"

    permit_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    what: Mapped[str]
    most: Mapped[int]
    reason: Mapped[str]
    granted_by: Mapped[str]
    granted_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    used_by: Mapped[str | None]
