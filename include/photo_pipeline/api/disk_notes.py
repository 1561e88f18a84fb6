"""How full the disk of unfinished uploads is, told to the ledger: there the watch sees whether it lasts.

An upload needs no database: where that is away, a reading is missing and nothing else.
"""

import socket
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from photo_pipeline.api.database import Database
from photo_pipeline.ports.health import Disk, VolumeBook
from photo_pipeline.web.repeating import repeating


def volume_name(folder: Path) -> str:
    """As people know it."""
    return f"the uploads on {socket.gethostname()} ({folder})"


def noting(
    name: str, disk: Disk, book: VolumeBook, database: Database, every_seconds: float
) -> AbstractAsyncContextManager[None]:
    """Note it at once and then again and again, until the block ends."""

    async def note() -> None:
        await database.run(lambda: book.note(name, disk.space()))

    return repeating("noting how full the disk is", note, every_seconds)
