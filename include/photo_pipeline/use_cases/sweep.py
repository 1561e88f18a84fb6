"""Sweep: remove from HDFS what no shard row names and nobody can commit any more.

A killed worker leaves files behind. Whether one is abandoned is read from its name and the ledger: an attempt, or a
claim, that another one has superseded can never commit. No clock and no modification time is asked.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from photo_pipeline.domain.retention import HoldFile, Leftover, ReprocessFile, SliceFile, file_of, leftover_kind
from photo_pipeline.domain.shard import ArchiveFile
from photo_pipeline.ports.retention import RetainedArchive
from photo_pipeline.ports.sweep import ArchiveIndex

logger = logging.getLogger(__name__)

BATCH_FILES = 1000
ARCHIVED = ("archive", "held")
SWEPT = ("_staging", *ARCHIVED)


@dataclass(slots=True)
class SweepSummary:
    """How many files and empty folders were removed, and how many files are nobody's that the ledger knows."""

    files: int = 0
    folders: int = 0
    foreign: int = 0


def sweep_archive(index: ArchiveIndex, archive: RetainedArchive, root: str) -> SweepSummary:
    """Remove abandoned files and empty folders; files of unknown origin are left where they are, and reported."""
    summary = SweepSummary()
    for folder in SWEPT:
        for batch in _batches(archive.list(f"{root}/{folder}")):
            _sweep_batch(index, archive, batch, summary)
    for folder in ARCHIVED:
        # A list first: the listing must not be under way while its folders go.
        for empty in list(archive.empty_folders(f"{root}/{folder}")):
            summary.folders += archive.remove_folder(empty)
    return summary


def _batches(files: Iterator[ArchiveFile]) -> Iterator[list[ArchiveFile]]:
    while batch := list(islice(files, BATCH_FILES)):
        yield batch


def _sweep_batch(
    index: ArchiveIndex, archive: RetainedArchive, files: list[ArchiveFile], summary: SweepSummary
) -> None:
    owners = {file.path: file_of(file.path) for file in files}
    # In this order: what was committed by the time of the states is named by the time of the names.
    slices = index.slice_states({owner.slice_key for owner in owners.values() if isinstance(owner, SliceFile)})
    shards = index.shard_states(
        {owner.shard_id for owner in owners.values() if isinstance(owner, HoldFile | ReprocessFile)}
    )
    named = index.named(owners)
    for path, owner in owners.items():
        if path in named:
            continue
        kind = leftover_kind(owner, slices, shards)
        if kind is Leftover.ABANDONED:
            summary.files += archive.delete(path)
            logger.info("swept path=%s", path)
        elif kind is Leftover.FOREIGN:
            summary.foreign += 1
            logger.warning("left alone, unknown to this ledger: path=%s", path)
