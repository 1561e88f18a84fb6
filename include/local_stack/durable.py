"""What is written once and needed for ever must survive a power failure that comes right after."""

import os
from pathlib import Path


def flush(path: Path) -> None:
    """Bring a file's bytes to the disk, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_all(folder: Path) -> None:
    """The same for all that is in a folder, and for its own name."""
    for path in (*folder.rglob("*"), folder, folder.parent):
        flush(path)
