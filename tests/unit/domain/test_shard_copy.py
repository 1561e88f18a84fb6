"""A photo taken out of a shard is exactly what went in; what is damaged is named, never passed on."""

import tarfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.memory_archive import MemoryArchive
from tests.support.retention import write_shard

from photo_pipeline.domain.errors import ArchiveMemberError
from photo_pipeline.domain.ledger import ArchivedRendition
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.retention import ShardPhoto
from photo_pipeline.domain.shard import Member, ShardWriter
from photo_pipeline.domain.shard_copy import read_entry

PATH = "/photos/archive/dt=2026-01-01/t-0-0-1-1.tar"
PHOTO = UUID(int=7)


@pytest.fixture
def archive() -> MemoryArchive:
    """Somewhere for a shard."""
    return MemoryArchive()


@pytest.fixture
def renditions(archive: MemoryArchive) -> Sequence[ArchivedRendition]:
    """The index of the photo in a shard of two."""
    found, _ = write_shard(archive, PATH, {PHOTO: b"content", UUID(int=8): b"other"})
    return found[PHOTO]


def test_a_copy_of_a_shard_is_the_same_file(archive: MemoryArchive) -> None:
    """Reading every photo of a shard and writing it again gives the same bytes: names, times, members, description."""
    found, _ = write_shard(archive, PATH, {UUID(int=n): bytes([n]) * (n * 300) for n in range(6)})
    copied = bytearray()
    tar = ShardWriter(copied.extend)
    for photo_id, renditions in found.items():
        entry = read_entry(archive.read, PATH, ShardPhoto(photo_id, renditions))
        tar.add(entry.photo_id, entry.members, entry.description, entry.modified)
    tar.finish()
    assert bytes(copied) == archive.files[PATH]


@given(content=st.binary(max_size=2000), extension=st.sampled_from(("jpg", "heic", "tiff")))
def test_any_content_comes_back(content: bytes, extension: str) -> None:
    """Of any length, with any extension; the index may list the renditions in any order."""
    archive = MemoryArchive()
    file = archive.create(PATH)
    tar = ShardWriter(file.write)
    members = tuple(Member(kind, extension, content, "image/x", 1, 1) for kind in RenditionKind)
    modified = datetime(2026, 1, 2, tzinfo=UTC)
    renditions = tar.add(PHOTO, members, {"camera": "Åcme"}, modified)
    tar.finish()
    file.close()
    entry = read_entry(archive.read, PATH, ShardPhoto(PHOTO, renditions[::-1]))
    assert entry.members == members
    assert (entry.description, entry.modified) == ({"camera": "Åcme"}, modified)
    with tarfile.open(fileobj=BytesIO(archive.files[PATH])) as opened:
        assert len(opened.getmembers()) == len(members) + 1


class TestDamage:
    """Every way in which a shard may not hold what the index says."""

    def test_a_flipped_bit(self, archive: MemoryArchive, renditions: Sequence[ArchivedRendition]) -> None:
        """Content that does not fit its checksum."""
        archive.files[PATH] = archive.files[PATH].replace(b"content", b"contenu", 1)
        with pytest.raises(ArchiveMemberError, match="has changed since it was written"):
            read_entry(archive.read, PATH, ShardPhoto(PHOTO, renditions))

    def test_a_truncated_file(self, archive: MemoryArchive, renditions: Sequence[ArchivedRendition]) -> None:
        """A file that ends before the description."""
        archive.files[PATH] = archive.files[PATH][: renditions[-1].offset]
        with pytest.raises(ArchiveMemberError, match="no such range"):
            read_entry(archive.read, PATH, ShardPhoto(PHOTO, renditions))

    def test_another_photos_place(self, archive: MemoryArchive, renditions: Sequence[ArchivedRendition]) -> None:
        """An index that points to somebody else's member."""
        with pytest.raises(ArchiveMemberError, match=r"stands where .*0009\.original should"):
            read_entry(archive.read, PATH, ShardPhoto(UUID(int=9), renditions))

    def test_no_member_at_all(self, archive: MemoryArchive, renditions: Sequence[ArchivedRendition]) -> None:
        """An index that points into the middle of something."""
        moved = [replace(rendition, offset=rendition.offset + 1) for rendition in renditions]
        with pytest.raises(ArchiveMemberError, match="no member begins where the index says"):
            read_entry(archive.read, PATH, ShardPhoto(PHOTO, moved))

    def test_a_description_that_is_none(self, archive: MemoryArchive, renditions: Sequence[ArchivedRendition]) -> None:
        """A description that is not JSON any more."""
        archive.files[PATH] = archive.files[PATH].replace(b'{"filename"', b'["filename"')
        with pytest.raises(ArchiveMemberError, match=r"0007\.json is not JSON"):
            read_entry(archive.read, PATH, ShardPhoto(PHOTO, renditions))

    def test_another_member_instead_of_the_description(
        self, archive: MemoryArchive, renditions: Sequence[ArchivedRendition]
    ) -> None:
        """An index that does not know the photo's last member."""
        with pytest.raises(ArchiveMemberError, match=r"thumb\.jpg stands where .*0007\.json should"):
            read_entry(archive.read, PATH, ShardPhoto(PHOTO, renditions[:-1]))

    def test_a_photo_without_renditions(self, archive: MemoryArchive) -> None:
        """An index that knows nothing of the photo."""
        with pytest.raises(ArchiveMemberError, match="knows no rendition"):
            read_entry(archive.read, PATH, ShardPhoto(PHOTO, ()))
