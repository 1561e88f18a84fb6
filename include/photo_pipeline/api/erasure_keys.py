"""The keys by which anyone checks a proof of erasure. The private one is the pipeline's alone, and never here."""

from functools import partial
from pathlib import Path
from typing import Any

from photo_pipeline.domain.errors import ErasureKeysError
from photo_pipeline.domain.signatures import keys_read, published


def erasure_keys(path: Path | None) -> dict[str, Any]:
    """The JWK Set in a file, as it is shown; without keys where there is no file.

    Raises:
        ErasureKeysError: when the file holds none, or a private one: it is in the wrong place, so nothing starts.
    """
    if path is None:
        return published([])
    keys = keys_read(path.read_text, partial(ErasureKeysError, path))
    if any(key.is_private for key in keys):
        raise ErasureKeysError(path, "a private key in it, which is for the pipeline alone")
    return published(keys)
