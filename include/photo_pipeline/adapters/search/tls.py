"""Whom to trust when a server shows its certificate."""

import ssl
from pathlib import Path

from photo_pipeline.domain.errors import CertificateFileError


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """A client's TLS that takes certificates of these authorities only; of the system's where there is no file.

    Raises:
        CertificateFileError: when the file cannot be read, or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise CertificateFileError(ca_file, error.strerror or str(error)) from error
