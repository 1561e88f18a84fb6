"""Keeps a lease alive while its slice is being processed."""

import logging
import threading
from types import TracebackType
from typing import Self

from photo_pipeline.domain.errors import LeaseLostError, ServerUnavailableError
from photo_pipeline.domain.ledger import Lease
from photo_pipeline.ports.ingest import IngestLedger

logger = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 3


class LeaseKeeper:
    """Renews a lease in the background, three times in its life, and knows when it is lost.

    Losing it costs work, never correctness: the commit itself checks the attempt. A database that is away for a moment
    is not a loss.
    """

    def __init__(self, ledger: IngestLedger, lease: Lease, seconds: float) -> None:
        self._ledger = ledger
        self._lease = lease
        self._seconds = seconds
        self._ended = threading.Event()
        self._lost: LeaseLostError | None = None
        self._thread = threading.Thread(target=self._run, name=f"lease-{lease.slice.slice_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Stop early when there is no point in going on.

        Raises:
            LeaseLostError: when another attempt has the slice.
        """
        if self._lost is not None:
            raise self._lost

    def _run(self) -> None:
        while not self._ended.wait(self._seconds / RENEWALS_PER_LEASE):
            try:
                self._ledger.renew(self._lease, self._seconds)
            except LeaseLostError as error:
                self._lost = error
                return
            except ServerUnavailableError as error:
                logger.warning("lease of slice=%d not renewed: %s", self._lease.slice.slice_id, error)
