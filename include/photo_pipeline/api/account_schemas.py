"""What goes over the wire about a customer's own name, password and sessions, as the OpenAPI document describes it."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from photo_pipeline.api.schemas import Email, GivenSecret, Name, NewSecret
from photo_pipeline.domain.customers import OpenSession
from photo_pipeline.web.text import Document


class NewName(Document):
    """What somebody wants to be called."""

    display_name: Name


class ChangePassword(Document):
    """Another password, from whoever knows the old one."""

    old_password: GivenSecret
    password: NewSecret


class AskForReset(Document):
    """Somebody who does not know their password."""

    email: Email


class ResetAsked(BaseModel):
    """A link is on its way, if there is such an account."""

    minutes: int = Field(description="How long it is good")


class UseReset(Document):
    """Another password, from whoever reads the mail of the account's address."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]
    password: NewSecret


class SessionView(BaseModel):
    """A session that goes on."""

    session_id: UUID
    agent: str | None = Field(description="What it was begun with, such as `Firefox on Linux`")
    began_at: datetime
    seen_at: datetime = Field(description="When one of its pages was last open, within five minutes, or it began")
    expires_at: datetime = Field(description="Unless it is prolonged")
    current: bool = Field(description="Whether it is the caller's own")

    @classmethod
    def of(cls, session: OpenSession, own: UUID | None = None) -> Self:
        """The view of a session, as another one of the customer's sees it, or itself."""
        return cls(
            session_id=session.session_id,
            agent=session.agent,
            began_at=session.began_at,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
            current=session.session_id == own,
        )


class SessionList(BaseModel):
    """A customer's sessions, the one that was seen last first."""

    sessions: list[SessionView]
