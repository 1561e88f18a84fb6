"""Where photos become renditions."""

from concurrent.futures import Future
from types import TracebackType
from typing import Protocol, Self

from photo_pipeline.domain.imaging import ProcessedImage


class ImageProcessor(Protocol):
    """Turns bytes into renditions, away from this process."""

    def submit(self, data: bytes) -> "Future[ProcessedImage]":
        """Start on one photo; the future raises ``ImageRejected`` where it cannot be used.

        It raises ``MachineBusyError`` where that could not be found out here and now.
        """
        ...

    def __enter__(self) -> Self:
        """Start the workers."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the workers."""
        ...
