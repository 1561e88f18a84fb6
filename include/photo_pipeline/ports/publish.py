"""What publishing needs of the ledger."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from photo_pipeline.domain.ledger import OutboxEntry


class Outbox(Protocol):
    """What was committed and has not been published."""

    def outbox(self, limit: int) -> AbstractContextManager[Sequence[OutboxEntry]]:
        """Up to ``limit`` unpublished entries, locked against other publishers; leaving without error marks them."""
        ...
