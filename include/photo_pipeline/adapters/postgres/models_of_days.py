"""The sums of days and newcomers as SQLAlchemy models: SQL writes them; a test holds models and migrations together."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from photo_pipeline.adapters.postgres.models import Base


class OutcomeDay(Base):
    """Records of a day, by all that they are counted by. No two rows are alike in that; none of it need be known."""

    __tablename__ = "outcome_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID | None] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str | None] = mapped_column(primary_key=True)
    format: Mapped[str | None] = mapped_column(primary_key=True)
    reason: Mapped[str | None] = mapped_column(primary_key=True)
    megapixels: Mapped[int | None] = mapped_column(primary_key=True)
    size: Mapped[int | None] = mapped_column(primary_key=True)
    records: Mapped[int]
    bytes: Mapped[int]


class OutcomeHour(Base):
    """Records of an hour."""

    __tablename__ = "outcome_hour"

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str | None] = mapped_column(primary_key=True)
    reason: Mapped[str | None] = mapped_column(primary_key=True)
    records: Mapped[int]
    bytes: Mapped[int]


class CameraDay(Base):
    """Photos of a day by their camera."""

    __tablename__ = "camera_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    camera: Mapped[str | None] = mapped_column(primary_key=True)
    photos: Mapped[int]
    bytes: Mapped[int]


class LatencyDay(Base):
    """Records of a day by how long they took."""

    __tablename__ = "latency_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    records: Mapped[int]


class Newcomer(Base):
    """By which record a customer's first photo came; no position where the record had gone before that was kept."""

    __tablename__ = "newcomer"

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    processed_at: Mapped[datetime]
    log_id: Mapped[int | None]
    offset: Mapped[int | None]


class AcceptedDay(Base):
    """What the search index must hold of a customer's day."""

    __tablename__ = "accepted_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID | None] = mapped_column(primary_key=True)
    documents: Mapped[int]
    bytes: Mapped[int]
    expired: Mapped[int]
    versions: Mapped[int]


class AcceptedChange(Base):
    """What has changed of that, and is not in it yet. The table has no key."""

    __tablename__ = "accepted_change"

    day: Mapped[date] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID | None] = mapped_column(primary_key=True)
    expired: Mapped[int]
    versions: Mapped[int]
