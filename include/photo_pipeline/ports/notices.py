"""What telling people needs from the outside world."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol

from photo_pipeline.domain.notices import Condition, Message, Notice, NoticeKind


class NoticeBook(Protocol):
    """Remembers what is wrong and who was told. By the database's clock."""

    def note(self, kind: NoticeKind, conditions: Sequence[Condition]) -> None:
        """Remember that these conditions hold. One that is remembered already is only seen again."""
        ...

    def end_others(self, kind: NoticeKind, conditions: Sequence[Condition]) -> None:
        """What is remembered of this kind and is not among these is over."""
        ...

    def forget(self, kind: NoticeKind, told_for: timedelta, unseen_for: timedelta) -> None:
        """Close, without a word, what was told so long ago or not seen for so long: seen again, it is told again."""
        ...

    def untold(self, kind: NoticeKind) -> AbstractContextManager[Sequence[Notice]]:
        """What is still to be told. Told once the context is left without an error; nobody else gets it meanwhile."""
        ...


class Messenger(Protocol):
    """Everybody who is to be told."""

    def send(self, message: Message) -> None:
        """Tell them; nobody to be told is no error.

        Raises:
            NoticeUndeliverableError: when there is somebody, and nobody could be told.
        """
        ...
