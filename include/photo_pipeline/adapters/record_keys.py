"""The public keys by which the platform's own records are known."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from joserfc.jwk import OKPKey

from photo_pipeline.domain.errors import RecordKeysError
from photo_pipeline.domain.signatures import keys_read


def public_keys(path: Path) -> Mapping[str, OKPKey]:
    """The keys of a JWK Set by their ids.

    Raises:
        RecordKeysError: when the file cannot be read or holds none.
    """
    return {str(key.kid): key for key in keys_read(path.read_text, partial(RecordKeysError, path))}
