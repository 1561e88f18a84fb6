"""The public keys by which the platform's own records are known."""

from collections.abc import Mapping
from pathlib import Path

from joserfc.jwk import OKPKey

from photo_pipeline.domain.errors import RecordKeysError
from photo_pipeline.domain.signatures import KeysError, keys_in


def public_keys(path: Path) -> Mapping[str, OKPKey]:
    """The keys of a JWK Set by their ids.

    Raises:
        RecordKeysError: when the file cannot be read or holds none.
    """
    try:
        keys = keys_in(path.read_text())
    except OSError as error:
        raise RecordKeysError(path, error.strerror or "unreadable") from error
    except (KeysError, ValueError) as error:
        raise RecordKeysError(path, str(error)) from error
    return {str(key.kid): key for key in keys}
