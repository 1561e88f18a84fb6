"""Sessions, and passwords that are set anew, as SQLAlchemy models like those of ``models``."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from photo_pipeline.adapters.postgres.models import Base


class EndedSession(Base):
    """A session that its customer ended, for as long as a token of it could still be good.

    Or all sessions of a customer who has closed the account: then the id is the customer's.
    """

    __tablename__ = "ended_session"

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    forget_at: Mapped[datetime]


class CustomerSession(Base):
    """A session that goes on."""

    __tablename__ = "customer_session"

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.customer_id"))
    agent: Mapped[str | None]
    began_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class PasswordReset(Base):
    """Leave to set a password once."""

    __tablename__ = "password_reset"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.customer_id"))
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    expires_at: Mapped[datetime]
