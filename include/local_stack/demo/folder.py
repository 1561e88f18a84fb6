"""The reader's own photos instead of painted ones: ``PHOTOS=folder``."""

from __future__ import annotations

import itertools
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

from local_stack.demo.corpus import PhotoFile
from local_stack.demo.errors import UnusableFolderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif"},
)
MAX_BYTES = 32 * 1024 * 1024


def find_photos(folder: Path, limit: int) -> tuple[Sequence[Path], int]:
    """Return up to ``limit`` different photos below a folder in the order of their paths, and how many were left out.

    A photo is a file with a photo's suffix that is not hidden, not empty and at most 32 MiB long. Of copies the first
    is taken: sent by two ways at once, it would be chance which way gets the photo and which the duplicate.

    Raises:
        UnusableFolderError: The folder is none, or holds no photo.
    """
    if not folder.is_dir():
        raise UnusableFolderError(folder, "is no folder")
    found = sorted(_walk(folder))
    if not found:
        raise UnusableFolderError(folder, f"holds no photo ({', '.join(sorted(SUFFIXES))}) of at most 32 MiB")
    chosen = list(itertools.islice(_without_copies(found), limit))
    return chosen, len(found) - len(chosen)


def load(path: Path) -> PhotoFile:
    """Read one photo."""
    return PhotoFile(path.name, path.read_bytes())


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in SUFFIXES and path.is_file() and 0 < path.stat().st_size <= MAX_BYTES:
            yield path


def _without_copies(paths: Sequence[Path]) -> Iterator[Path]:
    sizes = Counter(path.stat().st_size for path in paths)
    seen: set[bytes] = set()
    for path in paths:
        if sizes[path.stat().st_size] > 1:
            digest = sha256(path.read_bytes()).digest()
            if digest in seen:
                continue
            seen.add(digest)
        yield path
