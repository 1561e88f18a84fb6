"""Failures of any part."""

from datetime import timedelta
from pathlib import Path


class PhotoPipelineError(Exception):
    """Whatever this package raises on purpose."""


class ServerUnavailableError(PhotoPipelineError):
    """A server did not answer; trying again later may help."""

    def __init__(self, server: str, detail: str) -> None:
        self.server = server
        super().__init__(f"{server} does not answer: {detail}")


class UnstorableError(PhotoPipelineError):
    """A value that the database cannot hold: no text, or a number or time out of its range."""


class MachineBusyError(PhotoPipelineError):
    """This machine kept a photo's decoder from doing its work: nothing is known about the photo, and later may help."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"this machine is too busy to decode photos, and none is rejected for that: {detail}")


class UnusableConnectionError(PhotoPipelineError):
    """An Airflow connection lacks something, or holds what cannot be used."""

    def __init__(self, connection_id: str, problem: str) -> None:
        super().__init__(f"connection {connection_id}: {problem}")


class CertificateFileError(PhotoPipelineError):
    """The file that says whose certificates to trust is no use."""

    def __init__(self, path: Path | None, reason: str) -> None:
        super().__init__(f"no certificates in {path}, which ca_certs or PHOTO_..._CA_FILE names: {reason}")


class TooFewClocksError(PhotoPipelineError):
    """There is no second clock to hold the first one against."""

    def __init__(self, clocks: int) -> None:
        super().__init__(f"what cannot be undone needs two clocks that agree, and there are {clocks}")


class ClocksApartError(PhotoPipelineError):
    """The clocks of the machines differ: nobody knows how old anything is, so nothing is removed."""

    def __init__(self, difference: str, tolerance: timedelta) -> None:
        minutes = tolerance.total_seconds() / 60
        super().__init__(
            f"{difference}: nothing is removed until they agree within {minutes:g} min; set the wrong clock right, and "
            "the next run goes on by itself"
        )


class CleanupFailedError(PhotoPipelineError):
    """Airflow could not clean its own database; what it said last."""

    def __init__(self, said: str) -> None:
        super().__init__(f"airflow db clean failed: {said}")
