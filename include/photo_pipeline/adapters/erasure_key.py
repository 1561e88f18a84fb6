"""The pipeline's own key, by which proofs of erasure are known."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from photo_pipeline.domain.errors import ErasureKeyError
from photo_pipeline.domain.signatures import keys_read, sign


class FileSigner:
    """The ``ProofSigner`` port by the first key of a file.

    Raises:
        ErasureKeyError: when there is no private key in it.
    """

    def __init__(self, path: Path | None) -> None:
        if path is None:
            raise ErasureKeyError(path, "it is not set")
        self._key = keys_read(path.read_text, partial(ErasureKeyError, path))[0]
        if not self._key.is_private:
            raise ErasureKeyError(path, "a public key signs nothing")

    def sign(self, kind: str, claims: Mapping[str, Any]) -> str:
        """See the port."""
        return sign(kind, dict(claims), self._key)
